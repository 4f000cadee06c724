/**
 * Who may ask the agent. A web page may not: a browser sends Origin with what a page posts, and the
 * page's own name as Host (DNS rebinding). The origins of browser-based tills are exceptions. Over
 * a network each request bears the token, unless the configuration does without.
 */
import { Buffer } from 'node:buffer';
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { addressName, hostName, isLoopback } from './host-name.ts';
import { type HttpResponse, problem } from './response.ts';

export interface AccessRules {
  /** Address that the server listens on. */
  readonly host: string;
  /** Names by which others reach it, as `hostName` writes them. */
  readonly allowedHosts: readonly string[];
  /** Of browser-based tills, as browsers write them. */
  readonly allowedOrigins: readonly string[];
  /** The token that requests must bear; null: none. */
  readonly token: (() => string) | null;
}

/** @returns the refusal of a request by its Origin and Host; null when they are allowed */
export function rejectForeign(
  { headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>,
  authority: string | null,
  rules: AccessRules,
): HttpResponse | null {
  const { origin } = headers;
  if (origin !== undefined && !rules.allowedOrigins.includes(origin)) {
    return problem(403, 'Requests from web pages (with an Origin header) are rejected: see ingest.allowedOrigins.');
  }
  // HTTP/1.0 has no Host header, and browsers do not use it: only a program can.
  if (authority === null) return null;
  const named = hostName(authority);
  if (named !== null && (isLoopback(named) || rules.allowedHosts.includes(named))) return null;
  // An address that the connection came to is no name of a page.
  const own = [rules.host, socket.localAddress];
  if (named !== null && own.some((address) => address !== undefined && named === addressName(address))) return null;
  return problem(
    403,
    'The Host header does not name this agent: use localhost, 127.0.0.1, [::1], the configured ingest.host, or a name in ingest.allowedHosts.',
  );
}

const BEARER = /^bearer +(\S+)$/i;
const BASIC = /^basic +(\S+)$/i;

/** A program sends the token as a bearer; a browser, which asks for it, as a password. */
function tokenIn(authorization: string): string | null {
  const bearer = BEARER.exec(authorization)?.[1];
  if (bearer !== undefined) return bearer;
  const basic = BASIC.exec(authorization)?.[1];
  return basic === undefined
    ? null
    : Buffer.from(basic, 'base64')
        .toString()
        .replace(/^[^:]*:/, '');
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** @returns the refusal of a request that does not bear the token; null when it may pass */
export function rejectUnauthenticated(
  { headers }: Pick<IncomingMessage, 'headers'>,
  { token }: Pick<AccessRules, 'token'>,
): HttpResponse | null {
  if (token === null) return null;
  const given = tokenIn(headers.authorization ?? '');
  if (given !== null && timingSafeEqual(digest(given), digest(token()))) return null;
  const detail =
    given === null
      ? 'The request needs the token of ingest.tokenFile: Authorization: Bearer TOKEN.'
      : 'The token is not that of ingest.tokenFile.';
  return problem(401, detail, { headers: { 'www-authenticate': 'Bearer, Basic realm="till", charset="UTF-8"' } });
}
