/** What a request's head must be by RFC 9110 and 9112, before anything is asked of it. */
import type { IncomingMessage } from 'node:http';
import { type HttpResponse, problem } from './response.ts';

export interface RequestTarget {
  /** Without the query. */
  readonly path: string;
  /** Host and port that the client names; null: HTTP/1.0 without a Host header. */
  readonly authority: string | null;
}

/** Clients behind a proxy send the whole URL, whose host then counts (RFC 9112, section 3.2.2). */
const ABSOLUTE = /^https?:\/\/([^/?#]*)([^?#]*)/i;

export function targetOf({ url, headers }: IncomingMessage): RequestTarget {
  const absolute = ABSOLUTE.exec(url!);
  if (absolute !== null) return { path: absolute[2] === '' ? '/' : absolute[2]!, authority: absolute[1]! };
  return { path: url!.split(/[?#]/, 1)[0]!, authority: headers.host ?? null };
}

/** Number of Host headers; of several, `headers` has the first. */
function hostHeaders({ headers, rawHeaders }: IncomingMessage): number {
  if (headers.host === undefined) return 0;
  let found = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (name.length === 4 && name.toLowerCase() === 'host') found++;
  }
  return found;
}

/** @returns why the request cannot be read; null when it can */
export function rejectMalformed(request: IncomingMessage): HttpResponse | null {
  const { headers, httpVersion } = request;
  const hosts = hostHeaders(request);
  if (hosts > 1 || (hosts === 0 && httpVersion !== '1.0'))
    return problem(400, 'The request needs exactly one Host header.');
  const coding = headers['transfer-encoding']?.trim().toLowerCase() ?? 'chunked';
  if (coding !== 'chunked') return problem(501, 'Transfer-Encoding is chunked, or the body has a Content-Length.');
  return null;
}

/** @returns why the body cannot be read; null when it can */
export function rejectEncoded({ headers }: IncomingMessage): HttpResponse | null {
  const encodings = (headers['content-encoding'] ?? '').split(',').map((encoding) => encoding.trim().toLowerCase());
  const unknown = encodings.find((encoding) => encoding !== '' && encoding !== 'identity');
  if (unknown === undefined) return null;
  return problem(415, `Content-Encoding ${unknown} is not supported: send the body uncompressed.`, {
    headers: { 'accept-encoding': 'identity' },
  });
}
