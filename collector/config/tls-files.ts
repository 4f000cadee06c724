/** Key, certificate and client authorities of `mqtt.tls`: read, and checked before they count. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { ConfigError } from '../../shared/config/parse-config.ts';
import type { CollectorConfig } from './collector-config.ts';
import { readSmallFile } from './read-small-file.ts';

export type TlsPaths = NonNullable<CollectorConfig['mqtt']['tls']>;

/** PEM texts. */
export interface TlsFiles {
  readonly key: string;
  readonly cert: string;
  /** Authorities of client certificates; null: none are requested. */
  readonly ca: string | null;
}

/** What the files contain. */
export interface Certificates {
  /** The collector's own first, then its intermediates; at least one. */
  readonly chain: readonly X509Certificate[];
  /** Of client certificates; empty: none are requested. */
  readonly authorities: readonly X509Certificate[];
}

const CERTIFICATE =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[\s\S]+?-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;

/**
 * Reads the broker's current key and certificate.
 *
 * @throws ConfigError when one cannot be read, or `tlsFilesOf` finds a fault
 */
export function readTls(paths: TlsPaths): TlsFiles {
  const texts = {
    key: readSmallFile(paths.key, 'mqtt.tls.key'),
    cert: readSmallFile(paths.cert, 'mqtt.tls.cert'),
    ca: paths.ca === null ? null : readSmallFile(paths.ca, 'mqtt.tls.ca'),
  };
  try {
    return tlsFilesOf(texts);
  } catch (cause) {
    throw new ConfigError(`${paths.key}, ${paths.cert}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * The certificates alone, without what stands between them.
 *
 * @throws Error in words when they are not a key, its certificate and authorities, all whole
 */
export function tlsFilesOf({ key, cert, ca }: TlsFiles): TlsFiles {
  const files = {
    key,
    cert: certificateBlocks(cert, 'mqtt.tls.cert'),
    ca: ca === null ? null : certificateBlocks(ca, 'mqtt.tls.ca'),
  };
  if (key.includes('ENCRYPTED')) throw new Error('mqtt.tls.key has a passphrase: give a key without');
  const own = worded('mqtt.tls.key is not a private key in PEM', () => createPrivateKey(key));
  const at = certificatesOf(files).chain.findIndex((one) => one.checkPrivateKey(own));
  if (at !== 0) {
    const other = at === -1 ? '' : `, but of number ${at + 1}: put that one first`;
    throw new Error(`mqtt.tls.key is not the key of the first certificate in mqtt.tls.cert${other}`);
  }
  const { ca: authorities, ...pair } = files;
  worded('mqtt.tls.key, cert and ca cannot be used', () =>
    createSecureContext(authorities === null ? pair : { ...pair, ca: authorities }),
  );
  return files;
}

/** OpenSSL passes over one that does not begin a line, as where files were joined. */
function certificateBlocks(pem: string, file: string): string {
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw new Error(`${file} has no certificate in PEM`);
  if (count(pem, '-----BEGIN ') !== count(pem, '-----END ')) throw new Error(`${file} is cut off`);
  worded(`${file} has a certificate that is damaged`, () => blocks.map((block) => new X509Certificate(block)));
  return `${blocks.join('\n')}\n`;
}

/** @param files as `tlsFilesOf` returned them */
export function certificatesOf({ cert, ca }: TlsFiles): Certificates {
  const all = (pem: string) => (pem.match(CERTIFICATE) ?? []).map((block) => new X509Certificate(block));
  return { chain: all(cert), authorities: ca === null ? [] : all(ca) };
}

const count = (text: string, part: string): number => text.split(part).length - 1;

function worded<T>(words: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new Error(`${words}: ${(cause as Error).message}`, { cause });
  }
}

/** When the first of them ends, milliseconds since 1970. */
export const earliestEnd = (all: readonly X509Certificate[]): number =>
  Math.min(...all.map((one) => one.validToDate.getTime()));

/** @returns which of them is out of time, in words; null: none that matters */
export function outOfTime({ chain, authorities }: Certificates, now: number): string | null {
  const words = chain.map((one) => timeFault(one, now)).find((fault) => fault !== null);
  if (words !== undefined) return `mqtt.tls.cert: ${words}`;
  // Some may have ended: a file of authorities often keeps the earlier ones.
  const faults = authorities.map((one) => timeFault(one, now));
  return faults.length === 0 || faults.includes(null) ? null : `mqtt.tls.ca: ${faults[0]}`;
}

export const subjectOf = ({ subject }: X509Certificate): string => subject?.replaceAll('\n', ', ') ?? 'the certificate';

function timeFault(one: X509Certificate, now: number): string | null {
  const { validFromDate, validToDate } = one;
  const name = subjectOf(one);
  if (now > validToDate.getTime()) return `${name} ended on ${validToDate.toISOString()}`;
  return now < validFromDate.getTime() ? `${name} begins on ${validFromDate.toISOString()}` : null;
}

/** @returns why `next` must not replace `served`, in words; null: it may */
export function whyNotReplace(next: Certificates, served: Certificates, now: number): string | null {
  const fault = outOfTime(next, now);
  if (fault === null) return null;
  // Both are, perhaps by a wrong clock of this machine: the one that ends later is the newer.
  const ends = ({ chain: [own] }: Certificates): number => own!.validToDate.getTime();
  return outOfTime(served, now) !== null && ends(next) > ends(served) ? null : fault;
}
