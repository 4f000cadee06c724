/** What `audit` finds in a real SQLite store. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { audit } from '../../../../collector/cli/audit/audit.ts';
import type { Given } from '../../../../collector/cli/command.ts';
import { parseConfig } from '../../../../collector/config/collector-config.ts';
import { openTables } from '../../../../collector/main.ts';
import { EventLog } from '../../../../collector/store/event-log.ts';
import { type MerchantId, merchantId, type TerminalId, terminalId } from '../../../../shared/ids.ts';
import { HOUR_MS } from '../../../../shared/time.ts';
import { type BatchPlace, batchOf, HOUR, lossOf } from '../../../support/collector/batches.ts';
import { DIGEST_KEY } from '../../../support/collector/raw-rows.ts';

const ACME = merchantId('acme');
const TILL = terminalId('till-1');
const STREAM = 'till-1.00000000000000aa';
const [A, B] = ['00000000000000aa', '00000000000000bb'];
const hourText = new Date(HOUR * HOUR_MS).toISOString();

/** An entry of the document. */
interface Found {
  readonly merchant: string;
  readonly hour: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly counts: { readonly arrival: string; readonly rowKey: string };
  readonly other: { readonly arrival: string; readonly rowKey: string };
}

interface Sent extends BatchPlace {
  readonly merchant?: MerchantId;
  readonly terminal?: TerminalId;
  /** Milliseconds since 1970. */
  readonly at?: number;
}

async function opened(t: Test) {
  const parsed = parseConfig({ store: { kind: 'sqlite', path: join(t.testdir(), 'store.db') } });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const { config } = parsed;
  const tables = await openTables(config.store);
  t.teardown(() => tables.close());
  await tables.init();
  const log = new EventLog(tables, DIGEST_KEY);
  const append = (make: typeof batchOf, first: number, last: number, sent: Sent) => {
    const { merchant = ACME, terminal = TILL, at = 0, ...place } = sent;
    return log.append([{ merchant, terminal, ...make(first, last, { epoch: A!, ...place }), arrival: at }]);
  };
  const sales = (first: number, last: number, sent: Sent = {}) => append(batchOf, first, last, sent);
  const losses = (first: number, last: number, sent: Sent = {}) => append(lossOf, first, last, sent);
  const progress: string[] = [];
  const run = (given: Given = {}) =>
    audit.run({ config, given, openTables, now: () => 0, progress: (line) => progress.push(line) });
  const conflicts = async (given: Given = {}): Promise<readonly Found[]> =>
    ((await run({ conflicts: true, ...given })).json as { conflicts: Found[] }).conflicts;
  /** Cuts the last byte off each row that begins with this seq. */
  const damage = async (seq: number): Promise<void> => {
    for await (const { rowKey, key, bytes, arrival } of log.scan(ACME, HOUR, HOUR + 1))
      if (key.firstSeq === seq)
        await tables.put('events', [
          { row: rowKey, cells: new Map([['b:batch', bytes.subarray(0, -1)]]), time: arrival },
        ]);
  };
  return { sales, losses, run, conflicts, damage };
}

const other = (seq: number): number => seq + 1_000_000;

t.test('nothing is found where each seq has one content, however it was sent', async (t) => {
  const { sales, losses, run } = await opened(t);
  await sales(1, 3);
  await sales(1, 3, { at: 7 });
  await sales(2, 5, { at: 8 });
  await sales(3, 3, { at: 9 });
  await sales(1, 3, { epoch: B!, amount: other });
  await sales(1, 3, { terminal: terminalId('till-2'), amount: other });
  await sales(1, 3, { merchant: merchantId('zenith'), amount: other });
  await losses(1, 9, { at: 10 });
  t.same(await run(), {
    json: {
      ...{ conflicts: [], conflictsNotListed: 0, unreadable: [], unreadableNotListed: 0, parked: [] },
      ...{ compared: 0, mismatches: [], mismatchesNotListed: 0, repaired: 0, unbalanced: [], balanced: 0 },
      sealed: [],
    },
    text: [
      'no seq is claimed with different contents\nnothing is parked',
      '0 hours and days are as the raw log is\nnothing came for a sealed hour\nall 0 streams add up',
    ].join('\n'),
    found: false,
  });
});

t.test('a range claimed with two contents is named once, with both arrivals and which one counts', async (t) => {
  const { sales, run } = await opened(t);
  await sales(1, 6, { at: 2_000 });
  await sales(3, 5, { at: 1_000, amount: other });
  await sales(9, 9, { at: 1 });
  const { json, text, found } = await run({ conflicts: true });
  t.equal(found, true);
  t.match(json, {
    conflicts: [
      {
        ...{ merchant: 'acme', terminal: 'till-1', stream: STREAM, hour: hourText, firstSeq: 3, lastSeq: 5 },
        counts: { arrival: '1970-01-01T00:00:01.000Z', rowKey: /^[0-9a-f]+$/ },
        other: { arrival: '1970-01-01T00:00:02.000Z', rowKey: /^[0-9a-f]+$/ },
      },
    ],
    conflictsNotListed: 0,
  });
  t.equal((json as { conflicts: unknown[] }).conflicts.length, 1);
  t.equal(
    text,
    `acme ${STREAM} seqs 3 to 5, hour ${hourText}: what arrived 1970-01-01T00:00:01.000Z counts, what arrived 1970-01-01T00:00:02.000Z does not`,
  );
});

t.test('a row that cannot be read is named, and what others claim is compared all the same', async (t) => {
  const { sales, damage, run } = await opened(t);
  await sales(1, 3, { at: 1 });
  await sales(2, 4, { at: 2 });
  await sales(3, 5, { at: 3, amount: other });
  await damage(2);
  const { json, text, found } = await run({ conflicts: true });
  t.match(json, {
    conflicts: [{ firstSeq: 3, lastSeq: 3 }],
    unreadable: [
      {
        ...{ merchant: 'acme', terminal: 'till-1', stream: STREAM, hour: hourText, firstSeq: 2, lastSeq: 4 },
        ...{ rowKey: /^[0-9a-f]+$/, detail: /can't be read/ },
      },
    ],
    unreadableNotListed: 0,
  });
  t.match(text, /seqs 2 to 4, .*can't be read/);
  t.equal(found, true);
  await damage(3);
  t.match(await run({ conflicts: true }), { json: { conflicts: [] }, found: true }, 'with nothing else');
});

t.test('of two arrivals at the same moment the lower key counts', async (t) => {
  const { sales, conflicts } = await opened(t);
  for (const by of [0, 1, 2]) await sales(1, 1, { at: 5, amount: (seq) => seq + by });
  const found = await conflicts();
  t.equal(found.length, 2);
  for (const { counts, other } of found) t.ok(counts.rowKey < other.rowKey);
  t.equal(found[0]?.counts.rowKey, found[1]?.counts.rowKey);
});

t.test('only the seqs whose contents differ are named, range by range', async (t) => {
  const { sales, conflicts } = await opened(t);
  await sales(1, 10, { at: 1 });
  await sales(1, 10, { at: 2, amount: (seq) => (seq === 2 || seq === 3 || seq === 7 ? 0 : seq * seq) });
  t.same(
    (await conflicts()).map(({ firstSeq, lastSeq }) => [firstSeq, lastSeq]),
    [
      [2, 3],
      [7, 7],
    ],
  );
});

t.test('rows that begin within a long one are compared with it, however many come between', async (t) => {
  const { sales, conflicts } = await opened(t);
  await sales(1, 400, { at: 1 });
  for (let seq = 1; seq < 390; seq += 10) await sales(seq, seq + 1, { at: 2 });
  await sales(395, 405, { at: 3, amount: (seq) => (seq > 398 ? other(seq) : seq * seq) });
  t.match(await conflicts(), [{ firstSeq: 399, lastSeq: 400 }]);
});

t.test('many contents of one seq are told up to a bound', async (t) => {
  const { sales, conflicts } = await opened(t);
  for (let by = 20; by > 0; by--) await sales(1, 1, { at: by, amount: () => by });
  const found = await conflicts();
  t.equal(found.length, 7);
  t.same(new Set(found.map(({ counts }) => counts.arrival)), new Set(['1970-01-01T00:00:00.001Z']));
});

t.test('a merchant and hours can be chosen', async (t) => {
  const { sales, conflicts } = await opened(t);
  const zenith = merchantId('zenith');
  for (const amount of [undefined, other])
    for (const hour of [HOUR, HOUR + 1, HOUR + 30]) {
      await sales(1, 1, { hour, ...(amount && { amount, at: 1 }) });
      await sales(1, 1, { hour, merchant: zenith, ...(amount && { amount, at: 1 }) });
    }
  const hours = async (given: Given) =>
    (await conflicts(given)).map(({ merchant, hour }) => [merchant, Date.parse(hour) / HOUR_MS]);
  t.equal((await hours({})).length, 6);
  t.same(await hours({ merchant: 'zenith', from: '2026-11-22T10:00:00Z' }), [
    ['zenith', HOUR + 1],
    ['zenith', HOUR + 30],
  ]);
  t.same(await hours({ merchant: 'acme', from: '2026-11-22', to: '2026-11-23' }), [
    ['acme', HOUR],
    ['acme', HOUR + 1],
  ]);
  t.same(await hours({ merchant: 'acme', to: '2026-11-22T14:30:00+05:30' }), []);
  t.same(await hours({ merchant: 'nobody' }), []);
});

t.test('a wrong time or merchant is named', async (t) => {
  const { run } = await opened(t);
  await t.rejects(run({ from: 'yesterday' }), { name: 'UsageError', message: /^--from: .*or a date of UTC/ });
  await t.rejects(run({ to: '2026-02-31' }), { name: 'UsageError', message: /^--to: / });
  await t.rejects(run({ merchant: 'A' }), { name: 'UsageError', message: /^--merchant: / });
});
