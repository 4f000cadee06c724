/**
 * Rejects requests from web pages. A browser sends Origin with what a page posts, and the page's
 * own name as Host (DNS rebinding).
 */
import type { IncomingHttpHeaders } from 'node:http';

const LOCAL: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * @param host address that the server listens on
 * @returns why the request is rejected; null when it is not
 */
export function rejectForeignOrigin(headers: IncomingHttpHeaders, host: string): string | null {
  if (headers.origin !== undefined) return 'Requests from web pages (with an Origin header) are rejected.';
  const configured = (host.includes(':') ? `[${host}]` : host).toLowerCase();
  // HTTP/1.0 has no Host header (1.1 without one is rejected earlier), and browsers do not use it:
  // only a program on this machine can.
  if (headers.host === undefined && LOCAL.has(configured)) return null;
  const named = headers.host?.toLowerCase().replace(/:\d*$/, '') ?? '';
  if (LOCAL.has(named) || named === configured) return null;
  return 'The Host header does not name this agent: use localhost, 127.0.0.1, [::1] or the configured ingest.host.';
}
