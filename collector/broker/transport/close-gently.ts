/** Closes a connection so that its last answer (a CONNACK) arrives. */
import type { Duplex } from 'node:stream';
import { free } from './early-reads.ts';

/** How long the peer may take to read its last answer before it is cut. */
const LINGER_MS = 5_000;
/** What is read meanwhile, and dropped. */
const LINGER_BYTES = 256 * 1024;

/**
 * Ends the socket. What the peer still sends has to be read; otherwise the system answers it with a
 * reset that overtakes the last answer.
 */
export function closeGently(socket: Duplex): void {
  const cut = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(cut));
  let dropped = 0;
  socket.on('data', (bytes: Buffer) => {
    dropped += bytes.length;
    free(bytes);
    if (dropped > LINGER_BYTES) socket.destroy();
  });
  socket.resume();
  socket.end(() => socket.destroy());
}
