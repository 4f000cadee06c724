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
}
