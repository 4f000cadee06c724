/**
 * The HTTP server for tills: listens on loopback, both address families, and answers what the router says.
 *
 * States: listening -> draining (accepts no connection, answers what it has) -> stopped.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConnectionLimiter } from './http/connection-limiter.ts';
import { type HttpResponse, problem } from './http/response.ts';
import { type RouterDependencies, route } from './router.ts';

/** A till on loopback sends at once; whoever is slower holds no memory for long. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** Above the keep-alive of common clients, so that it is they who close. */
const KEEP_ALIVE_MS = 75_000;
/** Over both address families. */
const MAX_CONNECTIONS = 256;
/** How long, and how much, a refused client may go on sending before its connection is cut: an early cut would lose it the answer. */
const LINGER_MS = 2_000;
const LINGER_BYTES = 16 * 1024 * 1024;
const DRAIN_MS = 5_000;

/** Expected reasons why a server can't listen, in words. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

export interface IngestServerOptions extends RouterDependencies {
  /** 0: a free one. */
  readonly port: number;
  readonly notice: (message: string) => void;
}

export interface IngestServer {
  readonly port: number;
  /** Accepts nothing more, answers what it has, bounded in time. */
  stop(): Promise<void>;
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

/** Drops the rest of a body that nobody reads, then ends the answer. */
function endAfterBody(request: IncomingMessage, response: ServerResponse): void {
  let dropped = 0;
  const finish = (): void => {
    clearTimeout(timer);
    request.off('data', drop);
    response.end();
  };
  const drop = (chunk: Buffer): void => {
    dropped += chunk.length;
    if (dropped > LINGER_BYTES) finish();
  };
  const timer = setTimeout(finish, LINGER_MS);
  request.on('data', drop).once('end', finish).once('close', finish).once('error', finish);
  request.resume();
}

function write(request: IncomingMessage, response: ServerResponse, answer: HttpResponse, draining: boolean): void {
  const unread =
    !request.complete &&
    (request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined);
  const body = Buffer.from(answer.body);
  response.writeHead(answer.status, {
    'content-type': answer.contentType,
    'content-length': body.length,
    'x-content-type-options': 'nosniff',
    ...(answer.contentType.startsWith('application/') ? { 'cache-control': 'no-store' } : {}),
    ...answer.headers,
    ...(unread || draining ? { connection: 'close' } : {}),
  });
  if (!unread) {
    response.end(request.method === 'HEAD' ? undefined : body);
    return;
  }
  if (request.method !== 'HEAD') response.write(body);
  endAfterBody(request, response);
}

/** @throws ListenError when the address is taken or is none of this machine's */
export async function startIngestServer(options: IngestServerOptions): Promise<IngestServer> {
  const { host, port: wanted, notice } = options;
  const connections = new ConnectionLimiter(MAX_CONNECTIONS);
  let draining = false;

  const handle = async (request: IncomingMessage, response: ServerResponse, proceed: () => void): Promise<void> => {
    connections.requested(request, response);
    let answer: HttpResponse | null;
    try {
      answer = await route(request, options, proceed);
    } catch (error) {
      options.fault(error);
      answer = problem(500, 'The agent failed to answer; its log says why.');
    }
    if (answer !== null && !response.destroyed) write(request, response, answer, draining);
  };

  const create = (): Server => {
    const server = createServer({
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 5_000,
      noDelay: true,
    });
    server.on('connection', (socket) => connections.opened(socket));
    server.on('request', (request, response) => void handle(request, response, () => {}));
    server.on('checkContinue', (request, response) => void handle(request, response, () => response.writeContinue()));
    return server;
  };

  const listen = async (address: string, at: number): Promise<{ server: Server; port: number }> => {
    const server = create();
    return { server, port: await listening(server, address, at, notice) };
  };
  const explain = (error: unknown, address: string): ListenError => {
    const { code, message } = error as NodeJS.ErrnoException;
    const why =
      code === 'EADDRINUSE'
        ? 'the port is in use: stop whatever has it, or give another ingest.port'
        : code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND'
          ? 'it is not an address of this machine: give another ingest.host'
          : message;
    return new ListenError(`cannot listen on ${address} port ${wanted}: ${why}`, { cause: error });
  };

  const both = host === '127.0.0.1' || host === 'localhost';
  const servers: Server[] = [];
  const first = both ? '127.0.0.1' : host;
  const { server, port } = await listen(first, wanted).catch((error: unknown) => {
    throw explain(error, first);
  });
  servers.push(server);
  if (both) {
    try {
      servers.push((await listen('::1', port)).server);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT' || wanted === 0)
        notice(`not listening on ::1 (${code}): IPv4 only`);
      else {
        server.close();
        throw explain(error, '::1');
      }
    }
  }

  return {
    port,
    async stop() {
      draining = true;
      const closed = servers.map((open) => new Promise<void>((resolve) => open.close(() => resolve())));
      for (const open of servers) open.closeIdleConnections();
      const cut = setTimeout(() => {
        for (const open of servers) open.closeAllConnections();
      }, DRAIN_MS);
      await Promise.all(closed);
      clearTimeout(cut);
    },
  };
}
