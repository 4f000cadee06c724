/** The representation that a request prefers, by RFC 9110, section 12.5.1. */
import type { IncomingHttpHeaders } from 'node:http';
import Negotiator from 'negotiator';

const TYPES = { 'application/json': 'json', 'text/csv': 'csv' } as const;

/** JSON where both are as welcome, and where neither is. */
export function preferredFormat({ accept = '*/*' }: IncomingHttpHeaders): 'json' | 'csv' {
  const [best] = new Negotiator({ headers: { accept } }).mediaTypes(Object.keys(TYPES));
  return TYPES[best as keyof typeof TYPES] ?? 'json';
}
