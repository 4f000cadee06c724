/**
 * The HTTP server for tills. Listens on loopback, in both address families, and answers what the
 * router returns.
 *
 * States: listening -> draining (accepts no connections, answers what it has received) -> stopped.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConnectionLimiter } from './http/connection-limiter.ts';
import { type HttpResponse, problem } from './http/response.ts';
import { writeResponse } from './http/write-response.ts';
import { type RouterDependencies, route } from './router.ts';

/** A till on loopback sends at once; a slower client must not hold memory for long. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** Longer than the keep-alive of common clients, so that the client closes the connection. */
const KEEP_ALIVE_MS = 75_000;
/** In both address families together. */
const MAX_CONNECTIONS = 256;
const DRAIN_MS = 5_000;

/** The server cannot listen, for an expected reason. The message says how to correct it. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

export interface IngestServerOptions extends RouterDependencies {
  /** 0: any free port. */
  readonly port: number;
  readonly notice: (message: string) => void;
}

/** @throws ListenError when the address is in use or does not belong to this machine */
export async function startIngestServer(options: IngestServerOptions): Promise<IngestServer> {
  const server = new IngestServer(options);
  await server.listen();
  return server;
}

export class IngestServer {
  readonly #options: IngestServerOptions;
  readonly #connections = new ConnectionLimiter(MAX_CONNECTIONS);
  readonly #servers: Server[] = [];
  #port = 0;
  #isDraining = false;

  constructor(options: IngestServerOptions) {
    this.#options = options;
  }

  get port(): number {
    return this.#port;
  }

  /** @throws ListenError */
  async listen(): Promise<void> {
    const { host, port, notice } = this.#options;
    const isBoth = host === '127.0.0.1' || host === 'localhost';
    const first = isBoth ? '127.0.0.1' : host;
    try {
      this.#port = await this.#open(first, port);
    } catch (error) {
      throw listenError(error, first, port);
    }
    if (!isBoth) return;
    try {
      await this.#open('::1', this.#port);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EADDRNOTAVAIL' && code !== 'EAFNOSUPPORT' && port !== 0) {
        for (const server of this.#servers) server.close();
        throw listenError(error, '::1', port);
      }
      notice(`not listening on ::1 (${code}): IPv4 only`);
    }
  }

  /** Stops accepting, answers what was received; bounded in time. */
  async stop(): Promise<void> {
    this.#isDraining = true;
    const closed = this.#servers.map((open) => new Promise<void>((resolve) => open.close(() => resolve())));
    for (const open of this.#servers) open.closeIdleConnections();
    const cut = setTimeout(() => {
      for (const open of this.#servers) open.closeAllConnections();
    }, DRAIN_MS);
    await Promise.all(closed);
    clearTimeout(cut);
  }

  async #handle(request: IncomingMessage, response: ServerResponse, proceed: () => void): Promise<void> {
    this.#connections.requested(request, response);
    let answer: HttpResponse | null;
    try {
      answer = await route(request, this.#options, proceed);
    } catch (error) {
      this.#options.fault(error);
      answer = problem(500, 'The agent failed to answer; see its log.');
    }
    if (answer !== null && !response.destroyed) writeResponse(request, response, answer, this.#isDraining);
  }

  /** @returns the port */
  async #open(host: string, port: number): Promise<number> {
    const server = createServer({
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 5_000,
      noDelay: true,
    });
    server.on('connection', (socket) => this.#connections.opened(socket));
    server.on('request', (request, response) => void this.#handle(request, response, () => {}));
    server.on('checkContinue', (request, response) => {
      void this.#handle(request, response, () => response.writeContinue());
    });
    const opened = await listening(server, host, port, this.#options.notice);
    this.#servers.push(server);
    return opened;
  }
}

function listening(server: Server, host: string, port: number, notice: (message: string) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, ipv6Only: host === '::1' }, () => {
      server.off('error', reject);
      server.on('error', (error) => notice(`listening on ${host}: ${error.message}`));
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function listenError(error: unknown, host: string, port: number): ListenError {
  const { code, message } = error as NodeJS.ErrnoException;
  const why =
    code === 'EADDRINUSE'
      ? 'the port is in use: stop the program that uses it, or set another ingest.port'
      : code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND'
        ? 'it is not an address of this machine: set another ingest.host'
        : message;
  return new ListenError(`cannot listen on ${host} port ${port}: ${why}`, { cause: error });
}
