/** An HTTP server whose connections are bounded and pass their requests one at a time. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { chargedAddress, type TrustedProxies } from './addresses.ts';
import { Connections } from './connections.ts';
import type { AdmissionMetrics } from './metrics.ts';
import { RequestGate } from './request-gate.ts';
import type { Turns } from './turns.ts';

export interface ServerLimits {
  /** Open at once. */
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly headerBytes: number;
  /** For a request to arrive. */
  readonly headerMs: number;
  /** For the next one to begin. */
  readonly keepAliveMs: number;
  readonly requestsPerConnection: number;
  readonly pipelinedBytes: number;
  readonly writeMs: number;
}

export interface GatedServerOptions {
  readonly limits: ServerLimits;
  readonly turns: Turns;
  readonly proxies: TrustedProxies;
  readonly metrics: AdmissionMetrics;
}

export function createGatedServer(handler: RequestListener, options: GatedServerOptions): Server {
  const { limits } = options;
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headerMs,
    requestTimeout: limits.headerMs,
    keepAliveTimeout: limits.keepAliveMs,
    // Otherwise Node checks for late requests every 30 seconds only.
    connectionsCheckingInterval: limits.headerMs / 4,
  });
  gateConnections(server, options);
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const gate = request.socket as Duplex as RequestGate;
    const count = gate.begin();
    if (count === null) {
      gate.cut();
      return;
    }
    response.once('close', () => gate.answered());
    if (count >= limits.requestsPerConnection) response.setHeader('connection', 'close');
    if (announcesBody(request)) refuseBody(response, options.metrics);
    else handler(request, response);
  };
  server.on('request', answer);
  // An expectation is about the body, so without one there is nothing to say to it.
  server.on('checkContinue', answer);
  server.on('checkExpectation', answer);
  // Running out of file handles fails one accept, not the server: the next one may succeed.
  server.on('error', () => {
    if (server.listening) options.metrics.refused('file-handles');
  });
  return server;
}

/** Puts a gate between each accepted socket and Node's own listener. */
function gateConnections(server: Server, { limits, turns, proxies, metrics }: GatedServerOptions): void {
  const connections = new Connections({
    all: limits.connections,
    perAddress: limits.connectionsPerAddress,
  });
  const parse = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const { remoteAddress = '' } = socket;
    const address = chargedAddress(remoteAddress);
    const full = connections.makeRoom(address, !proxies.trusts(remoteAddress));
    if (full !== null) {
      metrics.refused(full === 'all' ? 'connections' : 'connections-address');
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    const gate = new RequestGate(socket, {
      turns,
      address,
      pipelinedBytes: limits.pipelinedBytes,
      writeMs: limits.writeMs,
      onWaiting: (of, waits) => connections.waits(of, waits),
      onSlowReader: () => metrics.refused('slow-reader'),
    });
    connections.opened(gate);
    metrics.connections(connections.open);
    socket.once('close', () => {
      connections.closed(gate);
      metrics.connections(connections.open);
    });
    for (const listener of parse) listener.call(server, gate as Duplex as Socket);
  });
}

const announcesBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;

function refuseBody(response: ServerResponse, metrics: AdmissionMetrics): void {
  metrics.refused('body');
  const problem = {
    type: 'about:blank',
    title: 'Content Too Large',
    status: 413,
    detail: 'send no body: questions are asked in the query',
  };
  response.writeHead(413, { 'content-type': 'application/problem+json', connection: 'close' });
  response.end(JSON.stringify(problem));
}
