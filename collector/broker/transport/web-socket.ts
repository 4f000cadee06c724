/**
 * MQTT over WebSocket, for shops whose network allows only HTTPS. The frames carry a stream of
 * bytes; what they cost beyond their bytes (fragments, empty frames, pongs) is bounded here.
 */
import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import { EMPTY_FRAME } from './control-budget.ts';
import { free } from './early-reads.ts';
import { GateError } from './gate-error.ts';
import type { ReceiveMemory } from './receive-memory.ts';

export interface WebSocketLimits {
  readonly maxMessageBytes: number;
  readonly maxFragments: number;
  /** Pongs that wait to be sent. */
  readonly maxPongs: number;
  /** Bytes that may arrive before the CONNECT is accepted, with their frames. */
  readonly maxHandshakeBytes: number;
}

export interface WebSocketOptions {
  /** Null: plain TCP. */
  readonly tls: TlsOptions | null;
  readonly handshakeMs: number;
  readonly limits: WebSocketLimits;
  readonly memory: ReceiveMemory;
  /** Size of the stream's buffer, bytes. */
  readonly readAheadBytes: number;
  readonly inHandshake: (socket: Socket) => boolean;
  readonly onConnection: (stream: Duplex, socket: Socket) => void;
  /** More came with the request than may come before the CONNECT. */
  readonly onEarlyBytes: () => void;
}

/** MQTT 3.1.1, section 6: the name of the WebSocket subprotocol. */
const SUBPROTOCOL = 'mqtt';
/** Requests before the upgrade are small. */
const MAX_HTTP_HEADER_BYTES = 8 * 1024;
/** Reads of which one frame may consist; a read of the slowest usual line has 500 bytes. */
const MAX_BUFFERED_READS = 1_024;

export function webSocketServer(options: WebSocketOptions): HttpServer {
  const { tls, handshakeMs, limits } = options;
  const http = {
    maxHeaderSize: MAX_HTTP_HEADER_BYTES,
    headersTimeout: handshakeMs,
    requestTimeout: handshakeMs,
    // Otherwise Node checks for late requests every 30 seconds only.
    connectionsCheckingInterval: Math.ceil(handshakeMs / 4),
  };
  const server =
    tls === null ? createHttpServer(http) : createHttpsServer({ ...http, ...tls, handshakeTimeout: handshakeMs });
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: limits.maxMessageBytes,
    maxFragments: limits.maxFragments,
    maxBufferedChunks: MAX_BUFFERED_READS,
    maxPendingAutoPongs: limits.maxPongs,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  } as ConstructorParameters<typeof WebSocketServer>[0]);
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    if (head.length > limits.maxHandshakeBytes) {
      socket.destroy();
      options.onEarlyBytes();
      // What came behind the request lies in a copy of that read, which nobody else has.
      free(new Uint8Array(head.buffer));
      return;
    }
    sockets.handleUpgrade(request, socket, head, (client) =>
      options.onConnection(streamOf(client, socket, options), socket),
    );
  });
  server.on('clientError', (error: Error & { rawPacket?: Buffer }, socket) => {
    socket.destroy();
    if (error.rawPacket !== undefined) free(error.rawPacket);
  });
  server.on('request', (_request, response) => {
    // Closed, because timely requests would otherwise keep the connection open without a CONNECT.
    response.writeHead(426, { 'content-type': 'text/plain', upgrade: 'websocket', connection: 'upgrade, close' });
    response.end('Tills connect here by MQTT over WebSocket.\n');
  });
  return server;
}

function streamOf(client: WebSocket, socket: Socket, options: WebSocketOptions): Duplex {
  const { limits, memory, readAheadBytes, inHandshake } = options;
  const stream = createWebSocketStream(client, { highWaterMark: readAheadBytes });
  stream.on('error', () => stream.destroy());
  // `ws` would go on reading until the client agrees to close.
  client.once('error', () => client.terminate());
  let handshake = true;
  let early = 0;
  let unfinished = 0;
  // Before the receiver of `ws`, which keeps what it cannot pass on yet.
  socket.prependListener('data', (bytes: Buffer) => {
    if (stream.destroyed) return;
    unfinished += bytes.length;
    handshake &&= inHandshake(socket);
    // What a handshake may send is bounded, and so is their number: they take no room of sessions.
    if (!handshake) {
      memory.set(stream, unfinished);
      return;
    }
    early += bytes.length;
    if (early <= limits.maxHandshakeBytes) return;
    stream.destroy(new GateError('early-bytes', `more than ${limits.maxHandshakeBytes} bytes before the CONNECT`));
    // Then `ws` has nothing to read: what it would find costs more than the end.
    free(bytes);
  });
  client.prependListener('message', (data: Buffer, isBinary: boolean) => {
    unfinished = 0;
    memory.set(stream, 0);
    // A frame of any other type ends the connection [MQTT-6.0.0-1], before the stream passes it on.
    if (!isBinary) stream.destroy();
    if (data.length === 0) stream.emit(EMPTY_FRAME);
  });
  for (const control of ['ping', 'pong'] as const) client.on(control, () => stream.emit(EMPTY_FRAME));
  client.once('close', () => memory.set(stream, 0));
  return stream;
}
