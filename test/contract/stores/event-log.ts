import type { Test } from 'tap';
import { EventLog } from '../../../collector/store/event-log.ts';
import { StoreUnavailable, type Tables } from '../../../collector/store/tables.ts';
import { epoch, type MerchantId, terminalId } from '../../../shared/ids.ts';
import { eventsKey, eventsPrefix, salt } from '../../../shared/keys.ts';
import { forgedSale } from '../../support/collector/forged-batch.ts';
import { DIGEST_KEY } from '../../support/collector/raw-rows.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

const hexOf = (rows: readonly { readonly rowKey: Uint8Array }[]): string[] =>
  rows.map(({ rowKey }) => Buffer.from(rowKey).toString('hex'));

const named = (merchant: MerchantId): Buffer => eventsPrefix(merchant, 0);

export async function eventLogContract(t: Test, tables: Tables): Promise<void> {
  const log = new EventLog(tables, DIGEST_KEY);
  const region = new Region(tables);
  const { merchant } = region;
  const rows = [
    region.losses('b', 7, 2),
    region.events('a', 1, salesIn(HOUR, [1, 2])),
    region.events('a', 3, salesIn(HOUR, [4]), { epoch: epoch('ff000000000000ff') }),
    region.events('a-b', 1, salesIn(HOUR, [8])),
    region.events('ab', 1, salesIn(HOUR, [16])),
    region.events('a', 4, salesIn(HOUR + 1, [32])),
    region.losses('a', 9, 1, { hour: HOUR + 4 }),
  ];
  await region.append(...rows.toReversed());

  await t.test('rows come by hour, losses first, then by terminal, epoch and seq', async (t) => {
    const found = await Array.fromAsync(log.scan(merchant, HOUR, HOUR + 5));
    t.same(hexOf(found), hexOf(rows));
    t.ok(found.every(({ bytes }, i) => Buffer.compare(bytes, rows[i]!.bytes) === 0));
    t.same(
      found.map(({ arrival, key }) => ({ arrival, key })),
      rows.map(({ arrival, key: { merchant, hour, kind, terminal, epoch, firstSeq, count, digest } }) => ({
        arrival,
        key: { merchant, hour, kind, terminal, epoch, firstSeq, count, digest },
      })),
    );
  });

  await t.test('a range of hours is half-open, and can begin at a key', async (t) => {
    t.same(hexOf(await Array.fromAsync(log.scan(merchant, HOUR + 1, HOUR + 4))), hexOf(rows.slice(5, 6)));
    const start = rows[3]!.rowKey;
    t.same(hexOf(await Array.fromAsync(log.scan(merchant, HOUR, HOUR + 1, { start }))), hexOf(rows.slice(3, 5)));
  });

  await t.test('keys alone come without bytes', async (t) => {
    const found = await Array.fromAsync(log.scan(merchant, HOUR, HOUR + 5, { keysOnly: true }));
    t.same(hexOf(found), hexOf(rows));
    t.ok(found.every(({ bytes }) => bytes.length === 0));
  });

  await t.test("a terminal's rows are its own, losses first", async (t) => {
    const own = async (terminal: string) =>
      hexOf(await Array.fromAsync(log.scanTerminal(merchant, HOUR, terminalId(terminal))));
    t.same(await own('a'), hexOf(rows.slice(1, 3)));
    t.same(await own('b'), hexOf(rows.slice(0, 1)));
    t.same(await own('none'), []);
  });

  await t.test('whether all seqs of a run are held is told, within a bounded number of key reads', async (t) => {
    const holding = new Region(tables);
    await holding.append(
      holding.events('a', 1, salesIn(HOUR, [1, 2, 3, 4])),
      holding.events('a', 5, salesIn(HOUR, [5])),
      holding.events('a', 7, salesIn(HOUR, [7, 8, 9])),
      holding.losses('a', 6, 1),
      holding.events('b', 10, salesIn(HOUR, [10])),
      holding.events('a', 10, salesIn(HOUR + 1, [10])),
    );
    const { key } = holding.delivered[0]!;
    const holds = async (
      first: number,
      last: number,
      more: { kind?: 'losses'; maxRows?: number; hour?: number } = {},
    ) => {
      const { kind = 'events', hour = HOUR, maxRows = 100 } = more;
      return (await log.holdsAll(key, { kind, hour, first, last }, maxRows)).holds;
    };
    t.same([await holds(1, 5), await holds(1, 4), await holds(3, 5), await holds(8, 8)], [true, true, true, true]);
    t.same([await holds(5, 7), await holds(9, 10), await holds(10, 10)], [false, false, false]);
    t.equal(await holds(10, 10, { hour: HOUR + 1 }), true);
    t.same([await holds(6, 6, { kind: 'losses' }), await holds(5, 5, { kind: 'losses' })], [true, false]);
    t.same(await log.holdsAll(key, { kind: 'events', hour: HOUR, first: 5, last: 9 }, 2), { holds: null, read: 2 });
    t.same(await log.holdsAll(key, { kind: 'events', hour: HOUR, first: 5, last: 9 }, 0), { holds: null, read: 0 });
  });

  await t.test('rows are read by key in the requested order, and an expired one is left out', async (t) => {
    const gone = eventsKey({ ...rows[1]!.key, count: 999 });
    const keys = [rows[4]!.rowKey, gone, rows[0]!.rowKey];
    t.same(hexOf(await Array.fromAsync(log.get(keys))), hexOf([rows[4]!, rows[0]!]));
    t.same(await Array.fromAsync(log.get([])), []);
  });

  await t.test('more rows than one call takes are read by key', async (t) => {
    const many = new Region(tables);
    const sent = Array.from({ length: 150 }, (_, i) => many.events('a', i + 1, salesIn(HOUR, [i])));
    await many.append(...sent);
    t.same(hexOf(await Array.fromAsync(log.get(sent.map(({ rowKey }) => rowKey)))), hexOf(sent));
  });

  await t.test('the hours that have rows are found, of losses too', async (t) => {
    const hours = (from: number, to: number) => Array.fromAsync(log.hours(merchant, from, to));
    t.same(await hours(HOUR - 100, HOUR + 100), [HOUR, HOUR + 1, HOUR + 4]);
    t.same(await hours(HOUR + 1, HOUR + 4), [HOUR + 1]);
    t.same(await hours(HOUR + 2, HOUR + 2), []);
    t.same(await hours(HOUR + 3, HOUR), []);
  });

  await t.test('the same hours come backwards, with whether they have losses, over any gaps', async (t) => {
    const hours = (from: number, to: number) => Array.fromAsync(log.hoursBackwards(merchant, from, to));
    const all = [
      { hour: HOUR + 4, hasLosses: true },
      { hour: HOUR + 1, hasLosses: false },
      { hour: HOUR, hasLosses: true },
    ];
    t.same(await hours(0, 2 ** 32 - 1), all);
    t.same(await hours(HOUR, HOUR + 5), all);
    t.same(await hours(HOUR + 1, HOUR + 4), all.slice(1, 2));
    t.same(await hours(HOUR + 2, HOUR + 2), []);
    t.same(await hours(HOUR + 3, HOUR), []);
    const many = new Region(tables);
    const some = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 56, 57, 900, 7_000].map((by) => HOUR + by);
    for (const hour of some) await many.append(many.events('a', 1 + hour - HOUR, salesIn(hour, [1])));
    const found = await Array.fromAsync(log.hoursBackwards(many.merchant, 0, HOUR + 8_000));
    t.same(
      found.map(({ hour }) => hour),
      some.toReversed(),
    );
  });

  await t.test("an hour's losses are its own, of all terminals or of one, from a key on", async (t) => {
    const of = async (hour: number, options: Parameters<typeof log.losses>[2] = {}) =>
      hexOf(await Array.fromAsync(log.losses(merchant, hour, options)));
    t.same(await of(HOUR), hexOf(rows.slice(0, 1)));
    t.same(await of(HOUR + 1), []);
    t.same(await of(HOUR + 4, { terminal: terminalId('a') }), hexOf(rows.slice(6)));
    t.same(await of(HOUR + 4, { terminal: terminalId('b') }), []);
    t.same(await of(HOUR + 4, { start: eventsKey({ ...rows[6]!.key, firstSeq: 10 }) }), []);
  });

  await t.test(
    "what an hour holds of a stream's seqs is told in ranges, of rows that begin before them too",
    async (t) => {
      const holding = new Region(tables);
      await holding.append(
        holding.events('a', 1, salesIn(HOUR, [1, 2, 3, 4])),
        holding.events('a', 3, salesIn(HOUR, [3, 4, 5])),
        holding.events('a', 9, salesIn(HOUR, [9])),
        holding.events('a', 6, salesIn(HOUR + 1, [6])),
        holding.events('b', 5, salesIn(HOUR, [5])),
        holding.losses('a', 5, 9),
      );
      const { key } = holding.delivered[0]!;
      const held = (hour: number, first: number, last: number) => Array.fromAsync(log.held(key, hour, first, last));
      const whole = [
        [1, 4],
        [3, 5],
        [9, 9],
      ];
      t.same(await held(HOUR, 1, 100), whole);
      t.same(await held(HOUR, 4, 8), whole.slice(0, 2));
      t.same(await held(HOUR, 5, 9), whole.slice(1));
      t.same(await held(HOUR, 6, 8), []);
      t.same(await held(HOUR + 1, 1, 100), [[6, 6]]);
    },
  );

  await t.test('a batch stored again is one row, which keeps its first arrival', async (t) => {
    const again = new Region(tables);
    const row = again.events('a', 1, salesIn(HOUR, [1]));
    await again.append(row, row);
    for (const by of [5, -5, 0]) await again.append({ ...row, arrival: row.arrival + by });
    const found = await Array.fromAsync(log.scan(again.merchant, HOUR, HOUR + 1));
    t.same(hexOf(found), hexOf([row]));
    t.equal(found[0]?.arrival, row.arrival);
  });

  await t.test('a batch that was made to have the checksum of a stored one is a row of its own', async (t) => {
    const { merchant } = new Region(tables);
    const place = { merchant, terminal: terminalId('a') };
    const sale = { epoch: epoch('00000000000000aa'), firstSeq: 1, hour: HOUR };
    const honest = { ...place, ...forgedSale({ ...sale, amount: 50_000 }), arrival: Date.now() };
    const { bodyCrc: checksum } = honest.header;
    const forged = { ...place, ...forgedSale({ ...sale, amount: 100, checksum }), arrival: honest.arrival + 1 };
    t.equal(forged.header.bodyCrc, checksum);
    await log.append([honest]);
    await log.append([forged]);
    const found = await Array.fromAsync(log.scan(merchant, HOUR, HOUR + 1));
    const byArrival = found.toSorted((a, b) => a.arrival - b.arrival);
    t.same(
      byArrival.map(({ bytes, arrival }) => ({ bytes: Buffer.from(bytes).toString('hex'), arrival })),
      [honest, forged].map(({ bytes, arrival }) => ({ bytes: Buffer.from(bytes).toString('hex'), arrival })),
    );
  });

  await t.test('the merchants that have rows are told in the order of their keys, each once', async (t) => {
    const some = Array.from({ length: 4 }, () => new Region(tables));
    for (const region of some)
      await region.append(...[0, 1].map((by) => region.losses('a', 1, 1, { hour: HOUR + by })));
    const found = await Array.fromAsync(log.merchants());
    const expected = some.map(({ merchant }) => merchant).sort((a, b) => Buffer.compare(named(a), named(b)));
    t.same(
      found.filter((merchant) => expected.includes(merchant)),
      expected,
    );
    t.equal(new Set(found).size, found.length);
    for (const { merchant } of some) {
      const of = found.filter((other) => salt(other) === salt(merchant));
      t.same(await Array.fromAsync(log.merchants([salt(merchant), salt(merchant) + 1])), of, 'those of a salt');
      const after = await Array.fromAsync(log.merchants([salt(merchant), salt(merchant) + 1], merchant));
      t.same(after, of.slice(of.indexOf(merchant) + 1), 'those after one of them');
    }
  });

  await t.test('keys tell their hours and arrivals', async (t) => {
    const region = new Region(tables);
    const rows = [0, 1, 1, 300].map((hour, at) => region.losses('a', 1 + at, 1, { hour: HOUR + hour }));
    await region.append(...rows);
    const keys = (...range: [number, number, number?]) =>
      Array.fromAsync(log.keys(region.merchant, ...range), ({ hour, rowKey, arrival }) => {
        const { key, arrival: of } = rows.find((row) => Buffer.compare(row.rowKey, rowKey) === 0)!;
        t.same([hour, arrival], [key.hour, of]);
        return hour - HOUR;
      });
    t.same(await keys(HOUR, HOUR + 301), [0, 1, 1, 300]);
    t.same(await keys(HOUR + 1, HOUR + 300), [1, 1]);
    t.same(await keys(HOUR, HOUR + 301, 1), [0]);
  });

  await t.test('which batches are stored is told by the names of their rows', async (t) => {
    const some = new Region(tables);
    const stored = some.events('a', 1, salesIn(HOUR, [1]));
    await some.append(stored);
    const names = [stored, some.events('a', 1, salesIn(HOUR, [2])), some.losses('a', 1, 1)].map((row) =>
      log.rowKeyOf({ merchant: some.merchant, terminal: row.key.terminal, ...row }),
    );
    t.same(hexOf(names.slice(0, 1).map((rowKey) => ({ rowKey }))), hexOf([stored]));
    t.same(await log.existing(names.toReversed()), [false, false, true]);
  });

  await t.test('without the digest key of an open store nothing is named or appended', async (t) => {
    const early = new EventLog(tables);
    const row = new Region(tables).events('a', 1, salesIn(HOUR, [1]));
    const batch = { ...row, merchant: row.key.merchant, terminal: row.key.terminal };
    await t.rejects(early.append([batch]), StoreUnavailable);
    t.throws(() => early.rowKeyOf(batch), StoreUnavailable);
    early.opened(DIGEST_KEY);
    t.same(early.rowKeyOf(batch), log.rowKeyOf(batch));
  });

  await t.test('batches of the same seqs with other contents or counts are rows of their own', async (t) => {
    const versions = new Region(tables);
    await versions.append(
      versions.events('a', 1, salesIn(HOUR, [1, 2])),
      versions.events('a', 1, salesIn(HOUR, [1])),
      versions.events('a', 1, salesIn(HOUR, [3])),
    );
    t.equal((await Array.fromAsync(log.scan(versions.merchant, HOUR, HOUR + 1))).length, 3);
  });
}
