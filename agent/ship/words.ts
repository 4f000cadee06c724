/** Why there is no connection, in words for support. */
import type { Address } from './session.ts';

interface Told {
  readonly code?: unknown;
  readonly message?: string;
}

/** Return codes of CONNACK: MQTT 3.1.1, table 3.1. */
const CONNACK: Readonly<Record<number, string>> = {
  1: 'the collector does not speak MQTT 3.1.1',
  2: 'the collector refuses the client id',
  3: 'the collector is not ready: it cannot ask its store',
  4: 'the collector refuses the token',
  5: 'the collector refuses the token',
};

const SYSTEM: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was reset',
  ENOTFOUND: 'the name of the collector is not known: is the network up, is the name right?',
  EAI_AGAIN: 'the name of the collector cannot be looked up: is the network up?',
  ENETUNREACH: 'no route: is the network up?',
  EHOSTUNREACH: 'no route: is the network up?',
  ENETDOWN: 'no route: is the network up?',
  ETIMEDOUT: 'no answer',
  CERT_HAS_EXPIRED: 'TLS: certificate expired',
  CERT_NOT_YET_VALID: 'TLS: certificate not yet valid: is the clock right?',
  ERR_TLS_CERT_ALTNAME_INVALID: 'TLS: the certificate is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'TLS: certificate signed by nobody known: give collector.tls.ca',
  SELF_SIGNED_CERT_IN_CHAIN: 'TLS: certificate signed by nobody known: give collector.tls.ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'TLS: certificate signed by nobody known: give collector.tls.ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'TLS: certificate signed by nobody known: give collector.tls.ca',
};

export function inWords(error: unknown, { host, port }: Address): string {
  const { code, message = String(error) } = error as Told;
  const known = typeof code === 'number' ? CONNACK[code] : typeof code === 'string' ? SYSTEM[code] : undefined;
  const words = known ?? (message === 'connack timeout' ? 'no answer' : message);
  return `${words} (${host} port ${port})`;
}
