/**
 * Frees at once what was read from a connection that ends before its CONNECT is accepted. A read
 * is 64 KiB; strangers who send floods and are ended leave thousands of them a second, which the
 * garbage collector would find late: they lie outside its heap.
 */
import type { Duplex } from 'node:stream';

/** Smaller reads are soon found, and counting them would cost more than they do. */
const LARGE_BYTES = 8 * 1024;

/** @returns call it when the CONNECT was accepted: what is read is left alone from then on */
export function freeEarlyReads(socket: Duplex): () => void {
  let reads: Buffer[] = [];
  const freeAll = (): void => {
    const unread = reads;
    reads = [];
    unread.forEach(free);
  };
  const keep = (bytes: Buffer): void => {
    if (bytes.length < LARGE_BYTES) return;
    reads.push(bytes);
    // When all have seen it, and what one of them found wrong has ended the connection: before the
    // next one is read, for thousands may be read in this iteration of the event loop.
    process.nextTick(() => process.nextTick(() => socket.destroyed && freeAll()));
  };
  socket.on('data', keep);
  // By then all have heard that it is closed, and look at nothing of it.
  socket.once('close', () => setImmediate(freeAll));
  return () => {
    reads = [];
    socket.off('data', keep);
  };
}

/** Frees what the bytes lie in, unless others may lie there too. */
export function free({ buffer, byteOffset, byteLength }: Uint8Array): void {
  const isWhole = byteOffset === 0 && byteLength === buffer.byteLength;
  if (isWhole && buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
}
