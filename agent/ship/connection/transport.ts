/**
 * The byte stream of a session: TCP, through a proxy if there is one, TLS, WebSocket. TLS and
 * WebSocket are loaded where they are used: they cost an agent on plain MQTT memory.
 */
import type { Buffer } from 'node:buffer';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContext, TLSSocket } from 'node:tls';
import { type Dialing, dial } from './dial.ts';
import type { Address, Credentials } from './endpoint.ts';
import { tunnel } from './proxy-tunnel.ts';

export interface TransportOptions extends Dialing {
  readonly address: Address;
  readonly credentials: Credentials;
  /** Called with the TCP socket when a step is done: TCP, the proxy's answer, TLS, WebSocket. */
  readonly onStep: (socket: Socket) => void;
}

export interface Transport {
  readonly stream: Duplex;
  /** When the collector's certificate expires, milliseconds since 1970; infinite without one. */
  readonly certificateEnds: number;
  /** Cuts the connection, and drops what this machine still holds of it. */
  reset(): void;
}

/** @throws the reason of a failure; the reason of `signal` when it aborts */
export async function openTransport(options: TransportOptions): Promise<Transport> {
  const { address, signal } = options;
  const { protocol, proxy } = address;
  // Before the network is asked: what is wrong with the files is told in any case.
  const context = protocol === 'mqtt' ? null : await secureContext(options.credentials);
  const socket = await dial(proxy ?? address, options);
  // What comes after the errors that are waited for is told by 'close'.
  socket.on('error', () => undefined);
  const onStep = (): void => options.onStep(socket);
  const stop = (): void => void socket.destroy(signal.reason as Error);
  signal.addEventListener('abort', stop, { once: true });
  try {
    onStep();
    if (proxy !== undefined) await step(tunnel(socket, proxy, address), onStep);
    if (context === null) return { stream: socket, certificateEnds: Number.POSITIVE_INFINITY, reset: resets(socket) };
    const secure = await step(secured(socket, address, context), onStep);
    const certificateEnds = Date.parse(secure.getPeerCertificate().valid_to);
    const stream = protocol === 'mqtts' ? secure : await step(webSocket(secure, address), onStep);
    return { stream, certificateEnds, reset: resets(socket) };
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function step<T>(work: Promise<T>, done: () => void): Promise<T> {
  const result = await work;
  done();
  return result;
}

const resets = (socket: Socket) => (): void => void (socket.destroyed || socket.resetAndDestroy());

const pem = ({ ca, cert, key }: Credentials): { ca?: Buffer; cert?: Buffer; key?: Buffer } => ({
  ...(ca === null ? {} : { ca }),
  ...(cert === null ? {} : { cert }),
  ...(key === null ? {} : { key }),
});

/** @throws when the files are no valid PEM */
async function secureContext(credentials: Credentials): Promise<SecureContext> {
  const { createSecureContext } = await import('node:tls');
  return createSecureContext(pem(credentials));
}

async function secured(socket: Socket, { host }: Address, secureContext: SecureContext): Promise<TLSSocket> {
  const { connect: connectTls } = await import('node:tls');
  return new Promise((resolve, reject) => {
    const name = isIP(host) === 0 ? { servername: host } : {};
    const secure = connectTls({ socket, host, ...name, secureContext, rejectUnauthorized: true });
    const closed = (): void => reject(new Error('the collector closed the connection'));
    secure.once('error', reject).once('close', closed);
    secure.once('secureConnect', () => {
      secure.off('error', reject).off('close', closed);
      resolve(secure);
    });
  });
}

async function webSocket(secure: TLSSocket, { host, port, path }: Address): Promise<Duplex> {
  const { WebSocket, createWebSocketStream } = await import('ws');
  return new Promise((resolve, reject) => {
    const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const socket = new WebSocket(`wss://${authority}${path ?? '/'}`, ['mqtt'], {
      createConnection: () => secure,
      perMessageDeflate: false,
    });
    const stream = createWebSocketStream(socket);
    const closed = (): void => reject(new Error('the collector closed the connection'));
    stream.on('error', () => undefined);
    socket.once('error', reject).once('close', closed);
    socket.once('open', () => {
      socket.off('error', reject).off('close', closed);
      socket.on('close', () => stream.destroy());
      resolve(stream);
    });
  });
}
