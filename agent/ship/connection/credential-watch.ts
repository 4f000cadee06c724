/**
 * Looks, while a session lasts, whether it would still come about: TLS and tokens are only looked at when a connection begins, and one can
 * last for months. When the files of the credentials hold something else, or either end's certificate ends, the session is to end; the next
 * connection shows what there is then.
 */
import { X509Certificate } from 'node:crypto';
import type { Timers } from '../../port/timers.ts';
import type { Credentials } from './endpoint.ts';

const EVERY_MS = 60_000;

export interface CredentialWatch {
  /** With which the session was opened. */
  readonly used: Credentials;
  /** Whether it showed the certificate: plain MQTT shows none. */
  readonly isTls: boolean;
  /** As the files are now. @throws when one cannot be read */
  readonly read: () => Credentials;
  readonly timers: Pick<Timers, 'after'>;
  /** Milliseconds since 1970, by the collector's clock if that is known: it is the collector who judges the till's certificate. */
  readonly now: () => number;
  /** When the collector's certificate ends, milliseconds since 1970; infinite where it shows none. */
  readonly collectorEnds: number;
  /** Milliseconds since 1970, by the machine's clock: it is TLS here that judges the collector's certificate. */
  readonly wallClock: () => number;
  /** The session is to end. Called once at most. */
  readonly outdated: (reason: Error) => void;
}

const PARTS = ['ca', 'cert', 'key'] as const;

const isSame = (a: Credentials, b: Credentials): boolean =>
  a.token === b.token &&
  PARTS.every((part) => {
    const [one, other] = [a[part], b[part]];
    return one === null || other === null ? one === other : one.equals(other);
  });

/** Milliseconds since 1970 when a certificate ends. */
const endOf = (pem: Credentials['cert']): number =>
  pem === null ? Number.POSITIVE_INFINITY : new X509Certificate(pem).validToDate.getTime();

/** @returns ends it */
export function watchCredentials(watch: CredentialWatch): () => void {
  const { used, isTls, read, timers, now, collectorEnds, wallClock, outdated } = watch;
  const end = isTls ? endOf(used.cert) : Number.POSITIVE_INFINITY;
  const look = (): void => {
    if (now() > end) outdated(new Error("TLS: certificate expired: the till's own (collector.tls.cert)"));
    else if (wallClock() > collectorEnds)
      outdated(new Error("TLS: certificate expired: the collector's, of when this session began"));
    else if (isExchanged())
      outdated(new Error('the token or the certificates were exchanged: connecting with the new ones'));
    else cancel = timers.after(EVERY_MS, look);
  };
  const isExchanged = (): boolean => {
    try {
      return !isSame(used, read());
    } catch {
      // Half way through an exchange, perhaps: what the session was opened with is still good.
      return false;
    }
  };
  let cancel = timers.after(EVERY_MS, look);
  return () => cancel();
}
