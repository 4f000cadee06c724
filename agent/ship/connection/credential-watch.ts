/**
 * Checks during a session whether its credentials are still current. TLS and tokens are only
 * verified when a connection begins, and a connection can last for months. When the credential
 * files change, or either certificate expires, the session is ended; the next connection uses what
 * is valid then.
 */
import { X509Certificate } from 'node:crypto';
import type { Timers } from '../../port/timers.ts';
import type { Credentials } from './endpoint.ts';

const EVERY_MS = 60_000;

export interface CredentialWatch {
  /** The credentials with which the session was opened. */
  readonly used: Credentials;
  /** Whether the certificate was presented: plain MQTT presents none. */
  readonly isTls: boolean;
  /** Reads the current files. @throws when one cannot be read */
  readonly read: () => Credentials;
  readonly timers: Pick<Timers, 'after'>;
  /**
   * Milliseconds since 1970, by the collector's clock if it is known: the collector verifies the
   * till's certificate.
   */
  readonly now: () => number;
  /** When the collector's certificate expires, milliseconds since 1970; infinite if it has none. */
  readonly collectorEnds: number;
  /**
   * Milliseconds since 1970, by the machine's clock: TLS on this machine verifies the collector's
   * certificate.
   */
  readonly wallClock: () => number;
  /** Called at most once, when the session has to end. */
  readonly outdated: (reason: Error) => void;
}

const PARTS = ['ca', 'cert', 'key'] as const;

const isSame = (a: Credentials, b: Credentials): boolean =>
  a.token === b.token &&
  PARTS.every((part) => {
    const [one, other] = [a[part], b[part]];
    return one === null || other === null ? one === other : one.equals(other);
  });

/** When a certificate expires, milliseconds since 1970. */
const endOf = (pem: Credentials['cert']): number =>
  pem === null ? Number.POSITIVE_INFINITY : new X509Certificate(pem).validToDate.getTime();

/** Whether the files say something else now; `used` is null if they could not be read. */
export function isReplaced(used: Credentials | null, read: () => Credentials): boolean {
  try {
    const now = read();
    return used === null || !isSame(used, now);
  } catch {
    // They may be half replaced; what a session uses is still valid.
    return false;
  }
}

export interface RunningWatch {
  /** Checks now, and a minute later again. */
  check(): void;
  end(): void;
}

export function watchCredentials(watch: CredentialWatch): RunningWatch {
  const { used, isTls, read, timers, now, collectorEnds, wallClock, outdated } = watch;
  const ownEnds = isTls ? endOf(used.cert) : Number.POSITIVE_INFINITY;
  const fault = (): string | null => {
    if (now() > ownEnds) return "TLS: certificate expired: the till's own (collector.tls.cert)";
    if (wallClock() > collectorEnds)
      return "TLS: certificate expired: the collector's, as presented when this session began";
    if (!isReplaced(used, read)) return null;
    return 'the token or the certificates were replaced: reconnecting with the new ones';
  };
  let isOver = false;
  const end = (): void => {
    isOver = true;
    cancel();
  };
  const check = (): void => {
    if (isOver) return;
    cancel();
    const reason = fault();
    if (reason === null) cancel = timers.after(EVERY_MS, check);
    else {
      isOver = true;
      outdated(new Error(reason));
    }
  };
  let cancel = timers.after(EVERY_MS, check);
  return { check, end };
}
