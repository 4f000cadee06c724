/** What an operator should know of the files of `mqtt.tls` before tills do. */
import { X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import { type Certificates, outOfTime, subjectOf } from './tls-files.ts';

const DAY_MS = 86_400_000;
/** Renewal usually runs 30 days before the end, or when a third of the time is left. */
const SOON = { ms: 21 * DAY_MS, share: 0.25 } as const;

/** @param now milliseconds since 1970 @returns one sentence each, which says what to do */
export function certificateWarnings(certificates: Certificates, now: number): string[] {
  const { chain, authorities } = certificates;
  const ended = outOfTime(certificates, now);
  return [
    ...(ended === null ? [] : [`${ended}: tills refuse it, or are refused`]),
    ...chain.flatMap((one) => endsSoon(one, now).map((words) => `mqtt.tls.cert: ${words}`)),
    ...authorities.flatMap((one) =>
      endsSoon(one, now).map((words) => `mqtt.tls.ca: ${words}; so do the certificates of tills that it issued`),
    ),
    ...gaps(certificates),
  ];
}

function endsSoon(one: X509Certificate, now: number): string[] {
  const { validFromDate, validToDate } = one;
  const end = validToDate.getTime();
  const soonMs = Math.min(SOON.ms, SOON.share * (end - validFromDate.getTime()));
  if (now > end || now < end - soonMs) return [];
  const days = Math.floor((end - now) / DAY_MS);
  const left = days === 0 ? 'today' : days === 1 ? 'in one day' : `in ${days} days`;
  return [`${subjectOf(one)} ends ${left}, on ${validToDate.toISOString()}: renew it`];
}

/** Tills build the way to an authority from what they are shown: the next has to issue each. */
function gaps({ chain, authorities }: Certificates): string[] {
  for (const [at, one] of chain.entries()) {
    const next = chain[at + 1];
    if (next === undefined || isIssuedBy(one, next)) continue;
    return [
      `mqtt.tls.cert: ${subjectOf(next)} stands behind ${subjectOf(one)} and did not issue it: put each certificate's issuer behind it`,
    ];
  }
  const last = chain.at(-1)!;
  const isIssuer = (other: X509Certificate): boolean => isIssuedBy(last, other);
  if (isIssuer(last) || authorities.some(isIssuer) || publicAuthorities().some(isIssuer)) return [];
  const issuer = last.issuer?.replaceAll('\n', ', ') ?? 'its issuer';
  return [
    `mqtt.tls.cert: ${subjectOf(last)} was issued by ${issuer}, which is missing: tills that do not trust it itself (collector.tls.ca) refuse the certificate; append it`,
  ];
}

const isIssuedBy = (one: X509Certificate, other: X509Certificate): boolean =>
  one.checkIssued(other) && one.verify(other.publicKey);

/** That Node trusts, on this machine. */
const publicAuthorities = (): X509Certificate[] =>
  getCACertificates('default').flatMap((pem) => {
    try {
      return [new X509Certificate(pem)];
    } catch {
      return [];
    }
  });
