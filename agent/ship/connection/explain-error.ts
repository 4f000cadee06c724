/** Why there is no connection, in words for support. */
import { X509Certificate } from 'node:crypto';
import type { Address, Credentials } from './endpoint.ts';

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
  ERR_SSL_WRONG_VERSION_NUMBER: 'TLS: what listens there does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'TLS: what listens there does not speak TLS',
  EPROTO: 'TLS: the handshake failed: is the port right?',
};

/** Of OpenSSL, when files that were given are none: `ERR_OSSL_…`. */
const BAD_PEM = /^ERR_OSSL_/;
/** Of mqtt-packet, when what comes is none of its packets. */
const NO_MQTT = /^(Invalid|Cannot parse|Malformed|Packet|Not supported|Unknown property|Connect flag bit|Will) /;
/** Of ws, when what listens there answers the upgrade otherwise. */
const NO_UPGRADE = /^Unexpected server response: (\d+)/;

function told({ code, message = '' }: Told): string | undefined {
  if (typeof code === 'number') return CONNACK[code];
  if (typeof code === 'string' && Object.hasOwn(SYSTEM, code)) return SYSTEM[code];
  if (typeof code === 'string' && BAD_PEM.test(code))
    return `TLS: collector.tls names files that are no PEM, or a key of another certificate (${message})`;
  if (message === 'connack timeout') return 'no answer';
  if (code === undefined && NO_MQTT.test(message)) return 'what listens there does not speak MQTT: is the port right?';
  const upgrade = NO_UPGRADE.exec(message);
  return upgrade === null
    ? undefined
    : `a web server answers there (HTTP ${upgrade[1]}), not the collector: is the path right?`;
}

export function explainError(error: unknown, { host, port }: Address): string {
  const words = told(error as Told) ?? (error as Told).message ?? String(error);
  return `${words} (${host} port ${port})`;
}

const day = (date: Date): string => date.toISOString().slice(0, 10);

/**
 * Why the collector may have refused a till that shows a certificate and no token: it does not say.
 *
 * @param now milliseconds since 1970
 */
export function refusedCertificate({ cert }: Credentials, now: number): string {
  const refused = "the collector refuses the till's certificate";
  if (cert === null) return refused;
  try {
    const { validFromDate, validToDate, subjectAltName = 'names nobody' } = new X509Certificate(cert);
    if (now > validToDate.getTime())
      return `TLS: certificate expired: ${refused} (collector.tls.cert), which ended ${day(validToDate)}`;
    if (now < validFromDate.getTime())
      return `TLS: certificate not yet valid: ${refused} (collector.tls.cert), which begins ${day(validFromDate)}: is the clock right?`;
    return `${refused} (collector.tls.cert: ${subjectAltName})`;
  } catch {
    return `${refused} (collector.tls.cert is not a certificate in PEM)`;
  }
}
