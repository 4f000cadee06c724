import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { type Registration, type TerminalStatus, Terminals } from '../../../collector/store/terminals.ts';
import { epoch, type MerchantId, storeId, terminalId } from '../../../shared/ids.ts';
import { freshMerchant } from '../../support/region/fresh.ts';

const registration = (merchant: MerchantId, terminal: string): Registration => ({
  merchant,
  terminal: terminalId(terminal),
  store: storeId('leeds'),
  state: 'active',
  tokens: [{ hash: 'ab'.repeat(32), expiresAt: null }],
  createdAt: 1_300_000_000_000,
});

const presence = (merchant: MerchantId, terminal: string, ofEpoch: string, lastSeen: number): TerminalStatus => ({
  merchant,
  terminal: terminalId(terminal),
  epoch: epoch(ofEpoch),
  lastSeen,
  lastSeq: 2 ** 40,
  pending: [
    [1, 2],
    [2 ** 40, 2 ** 40],
  ],
  clearThrough: lastSeen - 60_000,
  losses: 0,
  bufferBytes: 4096,
  clockOffsetMs: -3,
  version: '0.1.0',
});

export async function terminalsContract(t: Test, tables: Tables): Promise<void> {
  const terminals = new Terminals(tables);
  const seenAt = Date.now() - 60_000;

  await t.test('a terminal is registered once, and changed by who knows what it was', async (t) => {
    const merchant = freshMerchant();
    const first = registration(merchant, 'till-1');
    t.equal(await terminals.registration(merchant, first.terminal), null);
    t.equal(await terminals.register(first, null), true);
    t.equal(await terminals.register({ ...first, store: null }, null), false);
    t.same(await terminals.registration(merchant, first.terminal), first);
    const read = (await terminals.registration(merchant, first.terminal))!;
    const tokens = [...read.tokens, { hash: 'cd'.repeat(32), expiresAt: 1_400_000_000_000 }];
    t.equal(await terminals.register({ ...read, tokens }, read), true, 'what was read is what is there');
    t.equal(await terminals.register({ ...read, state: 'revoked' }, read), false, 'it has changed since');
    t.same(await terminals.registration(merchant, first.terminal), { ...first, tokens });
  });

  await t.test("another merchant's terminal of the same name is another terminal", async (t) => {
    const [one, other] = [freshMerchant(), freshMerchant()];
    await terminals.register(registration(one, 'till-1'), null);
    t.equal(await terminals.registration(other, terminalId('till-1')), null);
    t.same(await Array.fromAsync(terminals.list(other)), []);
  });

  await t.test('the newest word of an epoch stays, whatever came last', async (t) => {
    const merchant = freshMerchant();
    const older = presence(merchant, 'till-1', '00000000000000aa', seenAt);
    const newer = presence(merchant, 'till-1', '00000000000000aa', seenAt + 5);
    await terminals.putStatuses([newer]);
    await terminals.putStatuses([older]);
    t.same((await Array.fromAsync(terminals.list(merchant)))[0]?.epochs, [newer]);
  });

  await t.test('all terminals are listed, registered or only seen, each with its epochs', async (t) => {
    const merchant = freshMerchant();
    const a = registration(merchant, 'a');
    await terminals.register(a, null);
    await terminals.register(registration(merchant, 'c'), null);
    const seen = [
      presence(merchant, 'a', '00000000000000aa', seenAt),
      presence(merchant, 'a', 'ff000000000000aa', seenAt + 1),
      presence(merchant, 'a-b', '00000000000000aa', seenAt),
    ];
    await terminals.putStatuses(seen);
    t.same(await Array.fromAsync(terminals.list(merchant)), [
      { registration: a, terminal: 'a', epochs: seen.slice(0, 2) },
      { registration: null, terminal: 'a-b', epochs: seen.slice(2) },
      { registration: registration(merchant, 'c'), terminal: 'c', epochs: [] },
    ]);
  });

  await t.test('what a terminal stored in a day is summed over all who count', async (t) => {
    const merchant = freshMerchant();
    const till = terminalId('till-1');
    await terminals.register(registration(merchant, 'till-1'), null);
    const add = async (day: number, bytes: number) =>
      (await terminals.addUsage(merchant, till, { day, bytes, events: 1 })).usage;
    t.same(await add(7, 100), { day: 7, bytes: 100, events: 1 });
    await Promise.all([add(7, 10), add(7, 20), add(7, 30)]);
    t.same(await add(7, 0), { day: 7, bytes: 160, events: 5 });
    t.same(await add(8, 5), { day: 8, bytes: 5, events: 1 }, 'a new day begins with nothing');
    t.same(await add(7, 2), { day: 8, bytes: 7, events: 2 }, 'whose clock is behind counts into the new day');
    const before = registration(merchant, 'till-1');
    t.same(await terminals.registration(merchant, till), before);
    const quotas = { eventsPerDay: 7 };
    t.equal(await terminals.register({ ...before, quotas }, before), true);
    t.same((await terminals.addUsage(merchant, till, { day: 8, bytes: 0, events: 0 })).quotas, quotas);
  });

  await t.test('the epochs of one terminal are listed and forgotten, and come again', async (t) => {
    const merchant = freshMerchant();
    const [a, b, c] = ['0000000000000001', '80000000000000bb', 'ffffffffffffffff'] as const;
    await terminals.register(registration(merchant, 'till'), null);
    await terminals.putStatuses([
      ...[a, b, c].map((of, at) => presence(merchant, 'till', of, seenAt + at)),
      presence(merchant, 'till-1', a, seenAt),
    ]);
    const till = terminalId('till');
    const known = async (limit = 10) =>
      (await terminals.epochsOf(merchant, till, limit)).map(({ epoch, lastSeen }) => [epoch, lastSeen - seenAt]);
    t.same(await known(), [
      [a, 0],
      [b, 1],
      [c, 2],
    ]);
    t.equal((await known(2)).length, 2);
    await terminals.forgetEpochs(merchant, till, [epoch(a), epoch(c)]);
    t.same(await known(), [[b, 1]]);
    t.equal((await terminals.epochsOf(merchant, terminalId('till-1'), 10)).length, 1);
    // Later than the deletion by the store's clock.
    await terminals.putStatuses([presence(merchant, 'till', a, Date.now() + 1_000)]);
    t.equal((await known()).length, 2);
    t.ok(await terminals.registration(merchant, till), 'the registration stays');
  });
}
