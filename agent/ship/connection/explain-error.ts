/** Explains connection errors to support. */
import { X509Certificate } from 'node:crypto';
import type { Address, Credentials } from './endpoint.ts';

interface ErrorFields {
  readonly code?: unknown;
  readonly message?: string;
}

/** CONNACK return codes: MQTT 3.1.1, table 3.1. */
const CONNACK: Readonly<Record<number, string>> = {
  1: 'the collector does not speak MQTT 3.1.1',
  2: 'the collector refuses the client id',
  3: 'the collector is not ready: it cannot read its store',
  4: 'the collector refuses the token',
  5: 'the collector refuses the token',
};

const SYSTEM: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was reset',
  ENOTFOUND: 'the host name of the collector is unknown: is the network up, is the name right?',
  EAI_AGAIN: 'the host name of the collector cannot be resolved: is the network up?',
  ENETUNREACH: 'no route: is the network up?',
  EHOSTUNREACH: 'no route: is the network up?',
  ENETDOWN: 'no route: is the network up?',
  ETIMEDOUT: 'no answer',
  CERT_HAS_EXPIRED: 'TLS: certificate expired',
  CERT_NOT_YET_VALID: 'TLS: certificate not yet valid: is the clock right?',
  ERR_TLS_CERT_ALTNAME_INVALID: 'TLS: the certificate is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'TLS: certificate of an unknown authority: set collector.tls.ca',
  SELF_SIGNED_CERT_IN_CHAIN: 'TLS: certificate of an unknown authority: set collector.tls.ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'TLS: certificate of an unknown authority: set collector.tls.ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'TLS: certificate of an unknown authority: set collector.tls.ca',
  ERR_SSL_WRONG_VERSION_NUMBER: 'TLS: the server there does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'TLS: the server there does not speak TLS',
  EPROTO: 'TLS: the handshake failed: is the port right?',
};

/** OpenSSL's error codes for files that are no valid PEM: `ERR_OSSL_…`. */
const BAD_PEM = /^ERR_OSSL_/;
/** mqtt-packet's errors for input that is no MQTT packet. */
const NO_MQTT = /^(Invalid|Cannot parse|Malformed|Packet|Not supported|Unknown property|Connect flag bit|Will) /;
/** ws's error when the server answers the upgrade with another status. */
const NO_UPGRADE = /^Unexpected server response: (\d+)/;

function explain({ code, message = '' }: ErrorFields): string | undefined {
  if (typeof code === 'number') return CONNACK[code];
  if (typeof code === 'string' && Object.hasOwn(SYSTEM, code)) return SYSTEM[code];
  if (typeof code === 'string' && BAD_PEM.test(code))
    return `TLS: collector.tls names files that are not PEM, or a key of another certificate (${message})`;
  if (message === 'connack timeout') return 'no answer';
  if (code === undefined && NO_MQTT.test(message)) return 'the server there does not speak MQTT: is the port right?';
  const upgrade = NO_UPGRADE.exec(message);
  return upgrade === null
    ? undefined
    : `a web server answers there (HTTP ${upgrade[1]}), not the collector: is the path right?`;
}

/** @param tried addresses of the host, or of the proxy */
export function explainError(error: unknown, { host, port, proxy }: Address, tried: readonly string[] = []): string {
  const explanation = explain(error as ErrorFields) ?? (error as ErrorFields).message ?? String(error);
  const through = proxy === undefined ? '' : `, through the proxy ${proxy.host} port ${proxy.port}`;
  const others = tried.filter((address) => address !== (proxy ?? { host }).host);
  return `${explanation} (${host} port ${port}${through}${others.length === 0 ? '' : `; tried ${others.join(', ')}`})`;
}

const day = (date: Date): string => date.toISOString().slice(0, 10);

/**
 * Guesses why the collector refused a till that presents a certificate and no token; the collector
 * does not say.
 *
 * @param now milliseconds since 1970
 */
export function refusedCertificate({ cert }: Credentials, now: number): string {
  const refused = "the collector refuses the till's certificate";
  if (cert === null) return refused;
  try {
    const { validFromDate, validToDate, subjectAltName = 'names nobody' } = new X509Certificate(cert);
    if (now > validToDate.getTime())
      return `TLS: certificate expired: ${refused} (collector.tls.cert), which expired on ${day(validToDate)}`;
    if (now < validFromDate.getTime())
      return `TLS: certificate not yet valid: ${refused} (collector.tls.cert), which is valid from ${day(validFromDate)}: is the clock right?`;
    return `${refused} (collector.tls.cert: ${subjectAltName})`;
  } catch {
    return `${refused} (collector.tls.cert is not a certificate in PEM)`;
  }
}
