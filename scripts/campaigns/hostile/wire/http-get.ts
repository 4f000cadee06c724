/** An HTTP question as a program asks it: on a connection of its own, and the answer is read. */
import { get } from 'node:http';

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

const ANSWER_WITHIN_MS = 60_000;

/** Rejects when the connection ends without an answer. */
export function httpGet(url: string, key?: string): Promise<HttpAnswer> {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const request = get(url, { agent: false, headers, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
  });
  request.on('error', reject);
  return promise;
}
