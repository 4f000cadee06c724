/** Reads a request's body within bounds: of one request, and of all that are being read. */
import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';

/** One request. */
export const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** All requests that are being read, or were read and wait: bounds the agent's memory. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;

export type Body =
  | {
      readonly kind: 'body';
      readonly bytes: Buffer;
      /** To be called once, when nobody needs the bytes any more. */
      readonly release: () => void;
    }
  | { readonly kind: 'too-large' }
  /** Too much is held at once. */
  | { readonly kind: 'overloaded' }
  /** The client went away. */
  | { readonly kind: 'aborted' };

export const statedLength = (request: IncomingMessage): number => Number(request.headers['content-length'] ?? 0);

export class BodyReader {
  #held = 0;

  /** Stops reading at the bound; the rest is the caller's to drop. */
  read(request: IncomingMessage): Promise<Body> {
    if (statedLength(request) > MAX_BODY_BYTES) return Promise.resolve({ kind: 'too-large' });
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let length = 0;
      const release = (): void => {
        this.#held -= length;
      };
      const settle = (body: Body): void => {
        if (body.kind !== 'body') release();
        request.off('data', take).off('end', finish).off('close', abort).off('error', abort);
        // What comes after an abort is nobody's any more, but an 'error' without a listener would end the process.
        request.on('error', () => {});
        resolve(body);
      };
      const take = (chunk: Buffer): void => {
        chunks.push(chunk);
        length += chunk.length;
        this.#held += chunk.length;
        if (length > MAX_BODY_BYTES) settle({ kind: 'too-large' });
        else if (this.#held > MAX_HELD_BYTES) settle({ kind: 'overloaded' });
      };
      const finish = (): void =>
        settle({ kind: 'body', bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length), release });
      const abort = (): void => settle({ kind: 'aborted' });
      request.on('data', take).on('end', finish).on('close', abort).on('error', abort);
    });
  }
}
