/** Reads request bodies within bounds: per request, and for all requests in memory. */
import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';

/** Limit of one request. */
export const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** Limit of all bodies in memory, being read or waiting: bounds the agent's memory. */
const MAX_BYTES_IN_MEMORY = 64 * 1024 * 1024;

export type Body =
  | {
      readonly kind: 'body';
      readonly bytes: Buffer;
      /** Call once, when the bytes are no longer needed. */
      readonly release: () => void;
    }
  | { readonly kind: 'too-large' }
  /** Too many bytes are in memory. */
  | { readonly kind: 'overloaded' }
  /** The client went away. */
  | { readonly kind: 'aborted' };

export const statedLength = (request: IncomingMessage): number => Number(request.headers['content-length'] ?? 0);

export class BodyReader {
  #bytesInMemory = 0;

  /** Stops reading at the limit; the caller discards the rest. */
  read(request: IncomingMessage): Promise<Body> {
    if (statedLength(request) > MAX_BODY_BYTES) return Promise.resolve({ kind: 'too-large' });
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let length = 0;
      const release = (): void => {
        this.#bytesInMemory -= length;
      };
      const settle = (body: Body): void => {
        if (body.kind !== 'body') release();
        request.off('data', take).off('end', finish).off('close', abort).off('error', abort);
        // Later data is ignored, but an 'error' without a listener would end the process.
        request.on('error', () => {});
        resolve(body);
      };
      const take = (chunk: Buffer): void => {
        chunks.push(chunk);
        length += chunk.length;
        this.#bytesInMemory += chunk.length;
        if (length > MAX_BODY_BYTES) settle({ kind: 'too-large' });
        else if (this.#bytesInMemory > MAX_BYTES_IN_MEMORY) settle({ kind: 'overloaded' });
      };
      const finish = (): void =>
        settle({ kind: 'body', bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length), release });
      const abort = (): void => settle({ kind: 'aborted' });
      request.on('data', take).on('end', finish).on('close', abort).on('error', abort);
    });
  }
}
