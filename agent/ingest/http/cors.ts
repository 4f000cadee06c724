/** CORS for browser-based tills: preflights, private networks, and what their pages may read. */
import type { IncomingMessage } from 'node:http';
import { type HttpResponse, text } from './response.ts';

/** How long a browser may keep the answer to a preflight, seconds. */
const PREFLIGHT_KEPT_S = 600;

/** @returns null when the request is no preflight */
export function preflightAnswer({ method, headers }: IncomingMessage, methods: readonly string[]): HttpResponse | null {
  if (method !== 'OPTIONS' || headers.origin === undefined) return null;
  if (headers['access-control-request-method'] === undefined) return null;
  const asked = headers['access-control-request-headers'];
  const isPrivate = headers['access-control-request-private-network'] === 'true';
  return {
    ...text(204, '', ''),
    headers: {
      'access-control-allow-methods': methods.join(', '),
      ...(asked !== undefined && { 'access-control-allow-headers': asked }),
      ...(isPrivate && { 'access-control-allow-private-network': 'true' }),
      'access-control-max-age': String(PREFLIGHT_KEPT_S),
    },
  };
}

/** Lets the pages of an origin read an answer. `sendBeacon` always asks with credentials. */
export const readableBy = (origin: string, answer: HttpResponse): HttpResponse => ({
  ...answer,
  headers: {
    ...answer.headers,
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'Retry-After',
    vary: 'Origin',
  },
});
