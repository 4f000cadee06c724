import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  TokenVerifier,
  type TokenVerifierOptions,
  tokenHash,
} from '../../../../../collector/broker/access/token-verifier.ts';
import { openSqliteTables } from '../../../../../collector/store/sqlite/sqlite-tables.ts';
import { type Registration, Terminals } from '../../../../../collector/store/terminals.ts';
import { merchantId, terminalId } from '../../../../../shared/ids.ts';
import { SwitchableTables } from '../../../../support/collector/switchable-tables.ts';

const M = merchantId('acme');
const T = terminalId('till-1');
const token = (text: string) => Buffer.from(text);

const registered = (tokens: Registration['tokens'], more: Partial<Registration> = {}): Registration => ({
  ...{ merchant: M, terminal: T, store: null, state: 'active', createdAt: 0 },
  tokens,
  ...more,
});
const good = { hash: tokenHash(token('good')), expiresAt: null };

/** A token verifier on a store of its own, with a clock that only tests move. */
async function standing(t: Test, options: Partial<TokenVerifierOptions> = {}) {
  const tables = new SwitchableTables(await openSqliteTables({ path: join(t.testdir(), 'store.db') }));
  t.teardown(() => tables.close());
  await tables.init();
  const terminals = new Terminals(tables);
  const clock = { now: 1_000_000, monotonic: 5_000 };
  let reads = 0;
  const registry = {
    registration: (...names: Parameters<Terminals['registration']>) => {
      reads++;
      return terminals.registration(...names);
    },
  };
  const verifier = new TokenVerifier({
    ...{ registry, now: () => clock.now, clock: () => clock.monotonic },
    ...{ cacheMs: 15_000, maxCached: 2, deadlineMs: 60_000, maxLookups: 2, strangers: { atOnce: 2, waiting: 10 } },
    ...options,
  });
  let last: Registration | null = null;
  const register = async (next: Registration) => {
    t.equal(await terminals.register(next, last), true);
    last = next;
  };
  return { tables, clock, verifier, register, reads: () => reads };
}

t.test('a token that is registered is accepted, any other is wrong', async (t) => {
  const { verifier, register, clock } = await standing(t);
  t.match(await verifier.verify(M, T, token('good'), 'a'), { kind: 'wrong', reason: 'unknown' });
  await register(registered([good]));
  t.same(await verifier.verify(M, T, token('good'), 'a'), { kind: 'accepted', hash: good.hash, asOf: clock.monotonic });
  t.match(await verifier.verify(M, T, token('bad'), 'a'), { kind: 'wrong', reason: 'token' });
  t.match(await verifier.verify(M, T, token(''), 'a'), { kind: 'wrong', reason: 'token' });
});

t.test('of two tokens both are accepted, each until it expires', async (t) => {
  const { verifier, register, clock } = await standing(t);
  const old = { hash: tokenHash(token('old')), expiresAt: clock.now + 1_000 };
  await register(registered([good, old]));
  t.match(await verifier.verify(M, T, token('old'), 'a'), { kind: 'accepted' });
  clock.now += 1_000;
  t.match(await verifier.verify(M, T, token('old'), 'a'), { kind: 'ended', reason: 'expired' });
  t.match(await verifier.verify(M, T, token('good'), 'a'), { kind: 'accepted' });
});

t.test('the token of a revoked terminal has ended', async (t) => {
  const { verifier, register } = await standing(t);
  await register(registered([good], { state: 'revoked' }));
  t.match(await verifier.verify(M, T, token('good'), 'a'), { kind: 'ended', reason: 'revoked' });
  t.match(await verifier.verify(M, T, token('bad'), 'a'), { kind: 'wrong' }, 'which is told only to who knows it');
});

t.test(
  'a registration answers for a while without being read again, also where the wall clock is set back',
  async (t) => {
    const { verifier, register, clock, reads } = await standing(t);
    await register(registered([good]));
    const first = await verifier.verify(M, T, token('good'), 'a');
    clock.monotonic += 14_999;
    t.same(await verifier.verify(M, T, token('good'), 'a'), first, 'and says how old its answer is');
    t.equal(reads(), 1);
    clock.now -= 3_600_000;
    clock.monotonic += 1;
    await verifier.verify(M, T, token('good'), 'a');
    t.equal(reads(), 2);
  },
);

t.test('a token that was exchanged a moment ago works at once', async (t) => {
  const { verifier, register } = await standing(t);
  await register(registered([good]));
  await verifier.verify(M, T, token('good'), 'a');
  await register(registered([{ hash: tokenHash(token('new')), expiresAt: null }]));
  t.match(await verifier.verify(M, T, token('new'), 'a'), { kind: 'accepted' });
  t.match(
    await verifier.verify(M, T, token('good'), 'a'),
    { kind: 'wrong' },
    'and the reading replaces the one before',
  );
});

t.test('a session is always rechecked in the store', async (t) => {
  const { verifier, register } = await standing(t);
  await register(registered([good]));
  await verifier.verify(M, T, token('good'), 'a');
  await register(registered([good], { state: 'revoked' }));
  t.match(await verifier.verifyHash(M, T, good.hash), { kind: 'ended', reason: 'revoked' });
});

t.test('only so many registrations are remembered', async (t) => {
  const { verifier, register, reads } = await standing(t, { maxCached: 0 });
  await register(registered([good]));
  await verifier.verify(M, T, token('good'), 'a');
  await verifier.verify(M, T, token('good'), 'a');
  t.equal(reads(), 2);
});

t.test('a store that refuses says nothing about a token', async (t) => {
  const { verifier, register, tables } = await standing(t);
  await register(registered([good]));
  tables.turn('refuses');
  t.match(await verifier.verify(M, T, token('good'), 'a'), {
    kind: 'unavailable',
    cause: { name: 'StoreUnavailable' },
  });
  tables.turn('on');
  t.match(await verifier.verify(M, T, token('good'), 'a'), { kind: 'accepted' });
});

t.test('a store that does not answer counts as unavailable at the deadline', async (t) => {
  const { verifier, tables } = await standing(t, { deadlineMs: 5 });
  tables.turn('silent');
  t.match(await verifier.verify(M, T, token('good'), 'a'), { kind: 'unavailable', cause: { message: /within 5 ms/ } });
});

/** Tills by name, in the order in which they are looked up, each until it is answered. */
function pendingLookups() {
  const asked: { name: string; answer: () => void }[] = [];
  const registration = (_merchant: unknown, terminal: string): Promise<null> =>
    new Promise((resolve) => asked.push({ name: terminal, answer: () => resolve(null) }));
  return { asked, registry: { registration } };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

t.test('invented tills of one address delay another address by one lookup', async (t) => {
  const { asked, registry } = pendingLookups();
  const { verifier } = await standing(t, { registry, strangers: { atOnce: 2, waiting: 10 } });
  const flood = Array.from({ length: 50 }, (_, at) =>
    verifier.verify(M, terminalId(`invented-${at}`), token('x'), 'flood'),
  );
  const honest = verifier.verify(M, terminalId('honest'), token('x'), 'elsewhere');
  await settled();
  t.same(
    asked.map(({ name }) => name),
    ['invented-0', 'invented-1'],
    'two at a time',
  );
  asked[0]!.answer();
  await settled();
  asked[1]!.answer();
  await settled();
  t.ok(
    asked.some(({ name }) => name === 'honest'),
    asked.map(({ name }) => name).join(),
  );
  for (let at = 0; at < asked.length; at++, await settled()) asked[at]!.answer();
  t.match(await honest, { kind: 'wrong' });
  const kinds = (await Promise.all(flood)).map(({ kind }) => kind);
  t.equal(kinds.filter((kind) => kind === 'unavailable').length, 50 - 2 - 9, 'what exceeds the room is refused');
});

t.test('a till whose token was accepted does not wait for strangers', async (t) => {
  const { verifier, register, tables, clock } = await standing(t, { strangers: { atOnce: 1, waiting: 1 } });
  await register(registered([good]));
  await verifier.verify(M, T, token('good'), 'a');
  clock.monotonic += 15_000;
  tables.turn('silent');
  const strangers = ['x', 'y', 'z'].map((text) => verifier.verify(M, T, token(text), 'a'));
  const known = [1, 2, 3].map(() => verifier.verify(M, T, token('good'), 'a'));
  t.match(await known[2], { kind: 'unavailable', cause: { message: /2 lookups/ } }, 'but it has a limit of its own');
  tables.turn('on');
  t.match(await Promise.all(known.slice(0, 2)), [{ kind: 'accepted' }, { kind: 'accepted' }]);
  t.match(await Promise.all(strangers), [{ kind: 'wrong' }, { kind: 'wrong' }, { kind: 'unavailable' }]);
});

t.test('who waits for his turn in vain is answered at the deadline, and holds nobody up', async (t) => {
  const { verifier, register, tables } = await standing(t, { deadlineMs: 20, strangers: { atOnce: 1, waiting: 9 } });
  await register(registered([good]));
  tables.turn('silent');
  const waiting = ['x', 'y', 'z'].map((text) => verifier.verify(M, T, token(text), 'a'));
  t.match(await Promise.all(waiting), [{ kind: 'unavailable' }, { kind: 'unavailable' }, { kind: 'unavailable' }]);
  tables.turn('on');
  t.match(await verifier.verify(M, T, token('good'), 'a'), { kind: 'accepted' });
});
