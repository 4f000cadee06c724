/** The TCP or TLS port that tills connect to. */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

export interface ListenerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** PEM texts; null: plain TCP. */
  readonly tls: { readonly key: string; readonly cert: string } | null;
  /** Connections beyond are closed at once. */
  readonly maxConnections: number;
  readonly handshakeMs: number;
  readonly onConnection: (socket: Socket) => void;
  readonly onRefused: (reason: 'limit' | 'tls') => void;
}

/** A read from a socket; aedes gets through 16 KiB packets four times as fast as with the default. */
const READ_AHEAD_BYTES = 256 * 1024;
const BACKLOG = 1_024;
const TCP_KEEP_ALIVE_MS = 60_000;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  /** Also those whose TLS handshake has not ended, which nobody else knows. */
  readonly #sockets = new Set<Socket>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    const { tls, handshakeMs, maxConnections, onConnection, onRefused } = options;
    this.#server =
      tls === null
        ? createServer({ highWaterMark: READ_AHEAD_BYTES }, onConnection)
        : createTlsServer({ ...tls, handshakeTimeout: handshakeMs, minVersion: 'TLSv1.2' }, onConnection);
    this.#server.maxConnections = maxConnections;
    this.#server.prependListener('connection', (socket: Socket) => {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('drop', () => onRefused('limit'));
    this.#server.on('tlsClientError', () => onRefused('tls'));
  }

  /** Rejects with the system's error (EADDRINUSE, EACCES, …). */
  listen(): Promise<void> {
    const { host, port, onRefused } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        this.#server.off('error', reject);
        // Running out of file handles fails an accept, not the server: the next one may come through.
        this.#server.on('error', () => onRefused('limit'));
        resolve();
      });
    });
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return address.port;
  }

  /** Takes no more connections. Resolves when the last one is closed. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  /** Cuts what is still connected. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
