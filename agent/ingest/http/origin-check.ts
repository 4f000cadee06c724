/** A web page must not post to a till: browsers send Origin with what a page posts, and the page's own name as Host (DNS rebinding). */
import type { IncomingHttpHeaders } from 'node:http';

const LOCAL: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * @param host that the server was told to listen on
 * @returns why the request is refused; null when it is not
 */
export function rejectForeignOrigin(headers: IncomingHttpHeaders, host: string): string | null {
  if (headers.origin !== undefined) return 'Requests of web pages (with an Origin) are not answered.';
  const configured = (host.includes(':') ? `[${host}]` : host).toLowerCase();
  // HTTP/1.0 knows no Host (1.1 without one is refused before), and no browser speaks it: only a program of this machine can.
  if (headers.host === undefined && LOCAL.has(configured)) return null;
  const named = headers.host?.toLowerCase().replace(/:\d*$/, '') ?? '';
  if (LOCAL.has(named) || named === configured) return null;
  return 'The Host is not this agent: use localhost, 127.0.0.1, [::1] or the configured ingest.host.';
}
