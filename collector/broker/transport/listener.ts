/**
 * A listening port for tills: plain TCP or TLS, each with MQTT directly or over WebSocket (for
 * shops whose network allows only HTTPS).
 */
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, TLSSocket, type TlsOptions } from 'node:tls';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { certifiedName } from './client-certificate.ts';

/** PEM texts. */
export interface ListenerTls {
  readonly key: string;
  readonly cert: string;
  /** Authorities of client certificates; null: none are requested. */
  readonly ca: string | null;
}

export interface ListenerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Null: plain TCP. */
  readonly tls: ListenerTls | null;
  readonly framing: 'mqtt' | 'websocket';
  /** Further connections are closed at once. */
  readonly maxConnections: number;
  readonly handshakeMs: number;
  /** @param certified `{merchant}/{terminal}` of the client certificate; null when there is none */
  readonly onConnection: (stream: Duplex, certified: string | null) => void;
  readonly onRefused: (reason: 'limit' | 'tls') => void;
}

/** Size of a socket read; aedes handles 16 KiB packets four times as fast as with the default. */
const READ_AHEAD_BYTES = 256 * 1024;
const BACKLOG = 1_024;
const TCP_KEEP_ALIVE_MS = 60_000;
/** MQTT 3.1.1, section 6: the name of the WebSocket subprotocol. */
const SUBPROTOCOL = 'mqtt';
/** Requests before the upgrade are small. */
const MAX_HTTP_HEADER_BYTES = 8 * 1024;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  /** Includes sockets whose handshake has not ended, which no other object knows. */
  readonly #sockets = new Set<Socket>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    const { maxConnections, onRefused } = options;
    this.#server = options.framing === 'mqtt' ? mqttServer(options) : webSocketServer(options);
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

  /** Accepts no more connections. Resolves when the last one is closed. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  /** Destroys all open sockets. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

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

function mqttServer({ tls, handshakeMs, onConnection }: ListenerOptions): Server {
  const connected = (socket: Socket): void => onConnection(socket, certifiedBy(socket));
  return tls === null
    ? createServer({ highWaterMark: READ_AHEAD_BYTES }, connected)
    : createTlsServer({ ...tlsOptions(tls), handshakeTimeout: handshakeMs }, connected);
}

function webSocketServer({ tls, handshakeMs, onConnection }: ListenerOptions): HttpServer {
  const http = {
    maxHeaderSize: MAX_HTTP_HEADER_BYTES,
    headersTimeout: handshakeMs,
    requestTimeout: handshakeMs,
    // Otherwise Node checks for late requests every 30 seconds only.
    connectionsCheckingInterval: Math.ceil(handshakeMs / 4),
  };
  const server =
    tls === null
      ? createHttpServer(http)
      : createHttpsServer({ ...http, ...tlsOptions(tls), handshakeTimeout: handshakeMs });
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: READ_AHEAD_BYTES,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    sockets.handleUpgrade(request, socket, head, (client) => {
      const stream = createWebSocketStream(client, { highWaterMark: READ_AHEAD_BYTES });
      stream.on('error', () => stream.destroy());
      // A frame of any other type ends the connection [MQTT-6.0.0-1], before the stream passes it
      // on.
      client.prependListener('message', (_data, isBinary) => {
        if (!isBinary) stream.destroy();
      });
      onConnection(stream, certifiedBy(socket));
    });
  });
  server.on('request', (_request, response) => {
    // Closed, because timely requests would otherwise keep the connection open without a CONNECT.
    response.writeHead(426, { 'content-type': 'text/plain', upgrade: 'websocket', connection: 'upgrade, close' });
    response.end('Tills connect here by MQTT over WebSocket.\n');
  });
  return server;
}
