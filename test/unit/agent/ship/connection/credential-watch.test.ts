import { Buffer } from 'node:buffer';
import t from 'tap';
import { watchCredentials } from '../../../../../agent/ship/connection/credential-watch.ts';
import type { Credentials } from '../../../../../agent/ship/connection/endpoint.ts';
import { CERTIFICATE, EXPIRED_CERTIFICATE, KEY } from '../../../../support/agent/certificates.ts';
import { FakeTimers } from '../../../../support/agent/fake-timers.ts';

const USED: Credentials = { token: 'secret', ca: Buffer.from('ca'), cert: null, key: null };
const OWN: Credentials = { token: null, ca: null, cert: Buffer.from(EXPIRED_CERTIFICATE), key: Buffer.from(KEY) };
/** Of the certificate that is valid in January 2020. */
const END = Date.UTC(2020, 1, 1);

/** By how much the machine's clock is ahead of the collector's. */
const FAST_MS = 1_000_000;

function watched(
  used: Credentials,
  read: () => Credentials = () => used,
  wallClock: () => number = () => 0,
  isTls = true,
  collectorEnds = Number.POSITIVE_INFINITY,
) {
  const timers = new FakeTimers();
  const reasons: string[] = [];
  const { check, end } = watchCredentials({
    used,
    isTls,
    read,
    timers,
    now: () => wallClock(),
    collectorEnds,
    wallClock: () => wallClock() + FAST_MS,
    outdated: ({ message }) => reasons.push(message),
  });
  return { timers, reasons, check, end };
}

t.test('what was read again and is the same ends nothing, for months', async (t) => {
  const { timers, reasons } = watched(USED, () => ({ ...USED, ca: Buffer.from('ca') }));
  timers.advance(90 * 86_400_000);
  t.same(reasons, []);
});

for (const [what, exchanged] of [
  ['a token', { ...USED, token: 'newer' }],
  ['an authority', { ...USED, ca: Buffer.from('cb') }],
  ['a certificate where there was none', { ...USED, cert: Buffer.from(CERTIFICATE) }],
] as const) {
  t.test(`${what} was exchanged: told once, within a minute`, async (t) => {
    let now: Credentials = USED;
    const { timers, reasons } = watched(USED, () => now);
    timers.advance(59_000);
    now = exchanged;
    timers.advance(1_000);
    t.match(reasons, [/were replaced/]);
    timers.advance(600_000);
    t.equal(reasons.length, 1);
  });
}

t.test('a check at once sees what was exchanged, and comes in place of the next', async (t) => {
  let now: Credentials = USED;
  let reads = 0;
  const { timers, reasons, check } = watched(USED, () => {
    reads++;
    return now;
  });
  timers.advance(30_000);
  check();
  check();
  timers.advance(59_000);
  t.equal(reads, 2, 'a minute begins with a check');
  now = { ...USED, token: 'newer' };
  check();
  t.match(reasons, [/were replaced/]);
  timers.advance(600_000);
  check();
  t.equal(reasons.length, 1);
});

t.test('files that cannot be read, half way through an exchange, end nothing yet', async (t) => {
  let fault = true;
  const { timers, reasons } = watched(USED, () => {
    if (fault) throw new Error('gone');
    return { ...USED, token: 'newer' };
  });
  timers.advance(300_000);
  t.same(reasons, []);
  fault = false;
  timers.advance(60_000);
  t.equal(reasons.length, 1);
});

t.test("the till's own certificate ends while the session lasts", async (t) => {
  let wall = END - 90_000;
  const { timers, reasons } = watched(
    OWN,
    () => OWN,
    () => wall,
  );
  timers.advance(60_000);
  t.same(reasons, []);
  wall = END + 1;
  timers.advance(60_000);
  t.match(reasons, [/TLS: certificate expired/]);
});

t.test("the collector's ends, by the machine's clock, which TLS goes by", async (t) => {
  let wall = END - FAST_MS - 90_000;
  const { timers, reasons } = watched(
    USED,
    () => USED,
    () => wall,
    true,
    END,
  );
  timers.advance(60_000);
  t.same(reasons, []);
  wall = END - FAST_MS + 1;
  timers.advance(60_000);
  t.match(reasons, [/TLS: certificate expired: the collector's/]);
});

t.test('a certificate that plain MQTT does not show may have ended, or be none', async (t) => {
  const { timers, reasons } = watched(
    OWN,
    () => OWN,
    () => END + 1,
    false,
  );
  timers.advance(600_000);
  t.same(reasons, []);
  watched({ ...OWN, cert: Buffer.from('none') }, undefined, undefined, false);
});

t.test('ended, it tells nothing', async (t) => {
  const { timers, reasons, check, end } = watched(USED, () => ({ ...USED, token: 'newer' }));
  end();
  check();
  timers.advance(600_000);
  t.same(reasons, []);
});
