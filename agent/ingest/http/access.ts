/**
 * Rejects requests from web pages. A browser sends Origin with what a page posts, and the page's
 * own name as Host (DNS rebinding).
 */
import type { IncomingHttpHeaders } from 'node:http';
import { addressName, hostName, isLoopback } from './host-name.ts';
import { type HttpResponse, problem } from './response.ts';

/**
 * @param authority that the client names, see `targetOf`
 * @param host address that the server listens on
 * @returns the refusal; null when the request is not rejected
 */
export function rejectForeign(
  headers: IncomingHttpHeaders,
  authority: string | null,
  host: string,
): HttpResponse | null {
  if (headers.origin !== undefined)
    return problem(403, 'Requests from web pages (with an Origin header) are rejected.');
  const configured = addressName(host);
  // HTTP/1.0 has no Host header, and browsers do not use it: only a program on this machine can.
  if (authority === null && configured !== null && isLoopback(configured)) return null;
  const named = authority === null ? null : hostName(authority);
  if (named !== null && (isLoopback(named) || named === configured)) return null;
  return problem(
    403,
    'The Host header does not name this agent: use localhost, 127.0.0.1, [::1] or the configured ingest.host.',
  );
}
