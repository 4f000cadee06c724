/**
 * The HTTP server for tills. Listens on loopback, in both address families, and answers what the
 * router returns.
 *
 * States: listening -> draining (accepts no connections, answers what it has received) -> stopped.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ConnectionLimiter } from './http/connection-limiter.ts';
import { listenOn } from './http/listen.ts';
import { type HttpResponse, problem } from './http/response.ts';
import { rawProblem, writeResponse } from './http/write-response.ts';
import { type RouterDependencies, route } from './router.ts';

/** A till on loopback sends at once; a slower client must not hold memory for long. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** Longer than the keep-alive of common clients, so that the client closes the connection. */
const KEEP_ALIVE_MS = 75_000;
/** In both address families together. */
const MAX_CONNECTIONS = 256;
const DRAIN_MS = 5_000;

/** What Node's parser refused. */
function clientErrorOf({ code }: NodeJS.ErrnoException): HttpResponse {
  if (code === 'HPE_HEADER_OVERFLOW') return problem(431, 'The head of the request is larger than 16 KiB.');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return problem(408, 'The request did not arrive in time.');
  return problem(400, `The request is not HTTP/1.1 (${code}). This port speaks http://, not https://.`);
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
  #servers: readonly Server[] = [];
  #port = 0;
  #isDraining = false;

  constructor(options: IngestServerOptions) {
    this.#options = options;
  }

  get port(): number {
    return this.#port;
  }

  /** @throws ListenError when the address is in use or does not belong to this machine */
  async listen(): Promise<void> {
    const { host, port, notice } = this.#options;
    const open = await listenOn(host, port, () => this.#create(), notice);
    this.#servers = open.servers;
    this.#port = open.port;
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

  #create(): Server {
    const server = createServer({
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 5_000,
      noDelay: true,
      // The router refuses a request without Host, in words.
      requireHostHeader: false,
    });
    server.on('connection', (socket) => this.#connections.opened(socket));
    server.on('request', (request, response) => void this.#handle(request, response, () => {}));
    server.on('checkContinue', (request, response) => {
      void this.#handle(request, response, () => response.writeContinue());
    });
    server.on('checkExpectation', (request, response) => {
      this.#connections.requested(request, response);
      writeResponse(request, response, problem(417, 'The only expectation known here is 100-continue.'), true);
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      // An answer is to come that the till would take this one for: a cut makes it repeat.
      const mayAnswer = socket.writable && !this.#connections.isAnswering(socket as Socket);
      if (mayAnswer && error.code !== 'ECONNRESET') socket.end(rawProblem(clientErrorOf(error)));
      else socket.destroy();
    });
    return server;
  }
}
