/** Writes a handler's answer, also while the client is still sending a body that nobody reads. */
import { Buffer } from 'node:buffer';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { HttpResponse } from './response.ts';

/**
 * How long, and how much, a refused client may go on sending before its connection is cut: an early
 * cut would lose it the answer.
 */
const LINGER_MS = 2_000;
const LINGER_BYTES = 16 * 1024 * 1024;

/** Reads and drops the rest of the body, then ends the response. */
function endAfterBody(request: IncomingMessage, response: ServerResponse): void {
  let dropped = 0;
  const finish = (): void => {
    clearTimeout(timer);
    request.off('data', drop);
    response.end();
  };
  const drop = (chunk: Buffer): void => {
    dropped += chunk.length;
    if (dropped > LINGER_BYTES) finish();
  };
  const timer = setTimeout(finish, LINGER_MS);
  request.on('data', drop).once('end', finish).once('close', finish).once('error', finish);
  request.resume();
}

/** An answer to what is no request, as it goes on the wire. */
export const rawProblem = ({ status, contentType, body }: HttpResponse): string =>
  `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${contentType}\r\n` +
  `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;

/** @param isLast closes the connection afterwards */
export function writeResponse(
  request: IncomingMessage,
  response: ServerResponse,
  answer: HttpResponse,
  isLast: boolean,
): void {
  const { headers } = request;
  const isUnread =
    !request.complete && (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined);
  // RFC 9110, section 8.6: a 204 has no length.
  const head =
    answer.status === 204
      ? []
      : ['content-type', answer.contentType, 'content-length', String(Buffer.byteLength(answer.body))];
  head.push('x-content-type-options', 'nosniff');
  if (answer.contentType.startsWith('application/')) head.push('cache-control', 'no-store');
  for (const [name, value] of Object.entries(answer.headers)) head.push(name, value);
  if (isUnread || isLast) head.push('connection', 'close');
  response.writeHead(answer.status, head);
  const hasBody = request.method !== 'HEAD';
  if (!isUnread) {
    // A string leaves in one write with the head.
    response.end(hasBody ? answer.body : undefined);
    return;
  }
  if (hasBody) response.write(answer.body);
  endAfterBody(request, response);
}
