/**
 * A listening port for tills: plain TCP or TLS, each with MQTT directly or over WebSocket (for
 * shops whose network allows only HTTPS).
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, TLSSocket, type TlsOptions, Server as TlsServer } from 'node:tls';
import type { Admission, Admitted } from './admission.ts';
import { certifiedName } from './client-certificate.ts';
import { freeEarlyReads } from './early-reads.ts';
import type { ReceiveMemory } from './receive-memory.ts';
import { type WebSocketLimits, webSocketServer } from './web-socket.ts';

/** PEM texts. */
export interface ListenerTls {
  readonly key: string;
  readonly cert: string;
  /** Authorities of client certificates; null: none are requested. */
  readonly ca: string | null;
}

/** A connection of a till that may have sent nothing yet. */
export interface Connected {
  readonly stream: Duplex;
  /** `{merchant}/{terminal}` of the client certificate; null when there is none. */
  readonly certified: string | null;
  readonly admitted: Admitted;
  /** Bytes that have come on the connection, below TLS and WebSocket. */
  readonly received: () => number;
}

export type ListenerRefusal = 'limit' | 'tls' | 'early-bytes';

export interface ListenerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Null: plain TCP. */
  readonly tls: ListenerTls | null;
  readonly framing: 'mqtt' | 'websocket';
  readonly handshakeMs: number;
  readonly webSocket: WebSocketLimits;
  /** Shared with the other listeners. */
  readonly admission: Admission;
  readonly memory: ReceiveMemory;
  readonly onConnection: (connected: Connected) => void;
  readonly onRefused: (reason: ListenerRefusal) => void;
}

/** Size of a socket read; aedes handles 16 KiB packets four times as fast as with the default. */
const READ_AHEAD_BYTES = 256 * 1024;
const BACKLOG = 1_024;
const TCP_KEEP_ALIVE_MS = 60_000;

interface Handshake extends Admitted {
  /** That was admitted: TLS puts another over it. */
  readonly socket: Socket;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  /** Includes sockets whose handshake has not ended, which no other object knows. */
  readonly #sockets = new Set<Socket>();
  /** By the peer's address and port. */
  readonly #handshakes = new Map<string, Handshake>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = options.framing === 'mqtt' ? this.#mqttServer() : this.#webSocketServer();
    this.#server.prependListener('connection', (socket: Socket) => this.#admit(socket));
    this.#server.on('tlsClientError', () => options.onRefused('tls'));
  }

  /** Rejects with the system's error (EADDRINUSE, EACCES, …). */
  listen(): Promise<void> {
    const { host, port, onRefused } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        this.#server.off('error', reject);
        // Running out of file handles fails one accept, not the server: the next one may succeed.
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

  /** What new connections get; those that are open go on. Without effect on plain TCP. */
  setTls(tls: ListenerTls): void {
    if (this.#server instanceof TlsServer) this.#server.setSecureContext(tlsOptions(tls));
  }

  /** Accepts no more connections. Resolves when the last one is closed. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  /** Destroys all open sockets. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #admit(socket: Socket): void {
    const peer = peerOf(socket);
    const admitted = this.#options.admission.admit(socket.remoteAddress ?? '', () => socket.destroy());
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    const handshake: Handshake = {
      socket,
      address: admitted.address,
      progressed: () => admitted.progressed(),
      done: () => {
        admitted.done();
        // Another connection may have the same peer meanwhile.
        if (this.#handshakes.get(peer) === handshake) this.#handshakes.delete(peer);
      },
    };
    this.#sockets.add(socket);
    this.#handshakes.set(peer, handshake);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      handshake.done();
    });
  }

  /** @param socket the one that was admitted, or TLS over it */
  #connected(stream: Duplex, socket: Socket): void {
    const admitted = this.#handshakes.get(peerOf(socket));
    // Ended meanwhile, for a newer one.
    if (admitted === undefined) {
      stream.destroy();
      return;
    }
    admitted.progressed();
    const forget = freeEarlyReads(socket);
    const done = (): void => {
      admitted.done();
      forget();
    };
    const received = (): number => admitted.socket.bytesRead;
    this.#options.onConnection({ stream, certified: certifiedBy(socket), admitted: { ...admitted, done }, received });
  }

  #mqttServer(): Server {
    const { tls, handshakeMs } = this.#options;
    const connected = (socket: Socket): void => this.#connected(socket, socket);
    return tls === null
      ? createServer({ highWaterMark: READ_AHEAD_BYTES }, connected)
      : createTlsServer({ ...tlsOptions(tls), handshakeTimeout: handshakeMs }, connected);
  }

  #webSocketServer(): Server {
    const { tls, handshakeMs, webSocket, memory, onRefused } = this.#options;
    return webSocketServer({
      ...{ handshakeMs, memory, limits: webSocket, readAheadBytes: READ_AHEAD_BYTES },
      tls: tls === null ? null : tlsOptions(tls),
      inHandshake: (socket) => this.#handshakes.has(peerOf(socket)),
      onConnection: (stream, socket) => this.#connected(stream, socket),
      onEarlyBytes: () => onRefused('early-bytes'),
    });
  }
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

/**
 * Client certificates are requested, not required: a token is equivalent. A client with neither is
 * refused by CONNACK, with a reason.
 */
const tlsOptions = ({ key, cert, ca }: ListenerTls): TlsOptions => ({
  key,
  cert,
  minVersion: 'TLSv1.2',
  ...(ca === null ? {} : { ca, requestCert: true, rejectUnauthorized: false }),
});

const certifiedBy = (socket: Duplex): string | null => (socket instanceof TLSSocket ? certifiedName(socket) : null);
