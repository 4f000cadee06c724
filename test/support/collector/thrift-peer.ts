/** A plain TCP server that a test scripts, and that knows its clients. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Test } from 'tap';

export interface Peer {
  readonly port: number;
  readonly sockets: ReadonlySet<Socket>;
  /** Stops listening and drops everyone. */
  stop(): Promise<void>;
}

/** Listens on loopback, on `port` if given; ends with the test. */
export async function listen(t: Test, serve: (socket: Socket) => void, port = 0): Promise<Peer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    serve(socket);
    // Unread bytes would hide that the client closed.
    socket.resume();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  t.teardown(stop);
  return { port: (server.address() as AddressInfo).port, sockets, stop };
}

/** Answers each message that comes, whatever it is, with these bytes. */
export function answer(reply: Uint8Array): (socket: Socket) => void {
  return (socket) => socket.on('data', () => socket.write(reply));
}

/** A whole reply to nothing in particular: an empty result struct. */
export const EMPTY_REPLY = Buffer.from('80010002' + '00000001' + '78' + '00000001' + '00', 'hex');

/** Resolves when the condition holds; checked as the event loop turns. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
