/**
 * Contract of ingest, on any store: however batches were cut, however often and through whichever
 * collector they were sent, the fold of the raw rows counts each event once, and every hour that
 * was acked is marked due.
 *
 *     await ingestContract(t, () => openSomeTables(…));
 *
 * Merchants have fresh random names, so the suite can run again and again on a store that keeps its
 * rows.
 */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import type { Test } from 'tap';
import { PartialFold } from '../../collector/aggregation/fold.ts';
import { readRow } from '../../collector/aggregation/raw-row.ts';
import { Ingest } from '../../collector/ingest/ingest.ts';
import { type DueMark, DueMarks } from '../../collector/store/due-marks.ts';
import { EventLog } from '../../collector/store/event-log.ts';
import { Finality } from '../../collector/store/finality.ts';
import type { Tables } from '../../collector/store/tables.ts';
import { Terminals } from '../../collector/store/terminals.ts';
import { until } from '../../scripts/processes/wait-until.ts';
import { runToEnd } from '../../shared/cooperative.ts';
import { epoch, type MerchantId, merchantId, terminalId } from '../../shared/ids.ts';
import { KIND, type Kind, salt } from '../../shared/keys.ts';
import { HOUR_MS } from '../../shared/time.ts';
import type { EncodedBatch } from '../../shared/wire/batch.ts';
import { type Ack, type AckedRun, encodeStatus } from '../../shared/wire/messages.ts';
import { amountOf, batchOf, HOUR, lossOf } from '../support/collector/batches.ts';
import { Counts, INGEST_BOUNDS, ingestMetrics, STORE_GEN } from '../support/collector/broker-and-ingest.ts';
import { EPOCH } from '../support/collector/mqtt-till.ts';
import { DIGEST_KEY } from '../support/collector/raw-rows.ts';
import { SwitchableTables } from '../support/collector/switchable-tables.ts';
import { LOGIC } from '../support/collector/till-events.ts';

const TERMINAL = terminalId('till-1');
const NOW = HOUR * HOUR_MS + 600_000;
const FAR_MINUTE = 2 ** 31;
const GROUPS = {
  maxGroups: 2,
  maxRows: 100,
  maxBytes: 1_000_000,
  maxWaitMs: 120_000,
  maxSilentMs: 120_000,
  gatherMs: 20,
};

interface Region {
  readonly tables: SwitchableTables;
  readonly merchant: MerchantId;
  /** Two collectors on one store. */
  readonly a: Ingest;
  readonly b: Ingest;
  send(to: Ingest, ...batches: EncodedBatch[]): Promise<Ack[]>;
  /**
   * What the fold makes of the raw rows: how many events, their sum, seqs claimed twice with other
   * content, seqs lost, rows.
   */
  folded(): Promise<{ events: number; amount: number; conflicts: number; lost: number; rows: number }>;
  marks(): Promise<DueMark[]>;
}

function region(tables: SwitchableTables): Region {
  const merchant = merchantId(`m${randomBytes(8).toString('hex')}`);
  const log = new EventLog(tables, DIGEST_KEY);
  const marks = new DueMarks(tables, () => randomBytes(8).toString('hex'));
  const collector = () =>
    new Ingest({
      ...{ log, marks, terminals: new Terminals(tables), finality: new Finality(tables) },
      ...{ now: () => NOW, clock: () => performance.now(), random: () => 0.5, graceMs: 120_000 },
      ...INGEST_BOUNDS,
      ...{ groups: GROUPS, metrics: ingestMetrics(new Counts()), onFailure: () => undefined },
    });
  return {
    tables,
    merchant,
    a: collector(),
    b: collector(),
    send: (to, ...batches) =>
      Promise.all(batches.map(({ bytes }) => to.onBatch({ merchant, terminal: TERMINAL, epoch: epoch(EPOCH) }, bytes))),
    async folded() {
      const fold = new PartialFold({ ...LOGIC, dimensions: [] });
      for await (const row of log.scanTerminal(merchant, HOUR, TERMINAL)) runToEnd(fold.add(readRow(row)));
      const { figures, tally } = fold.partial();
      let amount = 0;
      for (const { slots } of figures.groups())
        for (const measures of slots.values()) amount += Number(measures.amount);
      const { events, conflicts, lost, rows } = tally;
      return { events, amount, conflicts, lost, rows };
    },
    async marks() {
      const found = await Array.fromAsync(marks.due(salt(merchant), FAR_MINUTE));
      return found.filter((mark) => mark.merchant === merchant);
    },
  };
}

/** What must come out of the seqs from 1 to `last`, each once. */
const once = (last: number) => {
  let amount = 0;
  for (let seq = 1; seq <= last; seq++) amount += amountOf(seq);
  return { events: last, amount, conflicts: 0, lost: 0 };
};

const results = (acks: readonly Ack[]) => acks.map(({ result }) => result);

export async function ingestContract(t: Test, open: () => Promise<Tables>): Promise<void> {
  const tables = new SwitchableTables(await open());
  await tables.init();
  const test = (name: string, run: (t: Test, region: Region) => Promise<void>) =>
    t.test(name, (t) => run(t, region(tables)));
  try {
    await interleavings(test);
    await differences(test);
    await durability(test);
    await marking(test);
    await restoring(test);
  } finally {
    await tables.close();
  }
}

type Define = (name: string, run: (t: Test, region: Region) => Promise<void>) => Promise<unknown>;

async function interleavings(test: Define): Promise<void> {
  await test('the same batch sent twice is one row', async (t, { a, b, send, folded }) => {
    await send(a, batchOf(1, 10));
    await send(a, batchOf(1, 10));
    await send(b, batchOf(1, 10));
    t.match(await folded(), { ...once(10), rows: 1 });
  });

  await test('a batch cut differently the second time counts each event once', async (t, { a, send, folded }) => {
    await send(a, batchOf(1, 10));
    await send(a, batchOf(1, 3), batchOf(4, 7), batchOf(8, 12));
    t.match(await folded(), { ...once(12), rows: 4 });
  });

  await test('two collectors that hold versions of the same seqs count each once', async (t, {
    a,
    b,
    send,
    folded,
  }) => {
    await Promise.all([send(a, batchOf(1, 5), batchOf(6, 12)), send(b, batchOf(1, 8), batchOf(3, 9), batchOf(9, 15))]);
    t.match(await folded(), { ...once(15), rows: 5 });
  });

  await test('a smaller batch after a larger one under the same first seq takes nothing away', async (t, {
    a,
    b,
    send,
    folded,
  }) => {
    await send(a, batchOf(1, 10));
    await send(b, batchOf(1, 4));
    await send(a, batchOf(5, 8));
    t.match(await folded(), { ...once(10), rows: 3 });
  });

  await test('a larger batch after a smaller one under the same first seq adds the rest', async (t, {
    a,
    b,
    send,
    folded,
  }) => {
    await send(a, batchOf(1, 4));
    await send(b, batchOf(1, 10));
    t.match(await folded(), { ...once(10), rows: 2 });
  });

  await test('later seqs that arrive first are counted with the earlier ones', async (t, { a, b, send, folded }) => {
    await send(a, batchOf(7, 9));
    await send(b, batchOf(4, 8));
    await send(a, batchOf(1, 5));
    t.match(await folded(), once(9));
  });

  await test('however seqs are cut, repeated and spread over two collectors, each is counted once', async (t, first) => {
    const last = 30;
    const seqs = fc.tuple(fc.integer({ min: 1, max: last }), fc.integer({ min: 1, max: last }));
    const sent = fc.array(fc.record({ seqs, second: fc.boolean() }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(sent, async (cuts) => {
        const { a, b, send, folded } = region(first.tables);
        const of = ([x, y]: [number, number]) => batchOf(Math.min(x, y), Math.max(x, y));
        await Promise.all(cuts.map(({ seqs, second }) => send(second ? b : a, of(seqs))));
        // The rest, so that nothing is missing whatever was drawn.
        await send(a, batchOf(1, last));
        const { rows: _, ...counted } = await folded();
        return JSON.stringify(counted) === JSON.stringify(orderedLike(counted, once(last)));
      }),
      { numRuns: 15 },
    );
    t.pass();
  });
}

/** Of arrivals within the same millisecond neither is earlier. */
async function nextMillisecond(): Promise<void> {
  const now = Date.now();
  await until(() => Date.now() > now + 1, { what: 'the next millisecond', deadlineMs: 1_000 });
}

const orderedLike = <T extends object>(model: T, value: T): T =>
  Object.fromEntries(Object.keys(model).map((key) => [key, value[key as keyof T]])) as T;

async function differences(test: Define): Promise<void> {
  const other = { amount: (seq: number) => 1_000_000 + seq };

  await test('seqs claimed with other content are reported as conflicts, and counted as they came first', async (t, first) => {
    const sumOf = (seqs: readonly number[], amount: (seq: number) => number) =>
      seqs.reduce((sum, seq) => sum + amount(seq), 0);
    const usual = { batch: batchOf(1, 5), amount: once(5).amount + sumOf([6, 7], other.amount) };
    const changed = { batch: batchOf(3, 7, other), amount: once(2).amount + sumOf([3, 4, 5, 6, 7], other.amount) };
    for (const [earlier, later] of [
      [usual, changed],
      [changed, usual],
    ] as const) {
      const { a, b, send, folded } = region(first.tables);
      t.same(results(await send(a, earlier.batch)), ['stored']);
      await nextMillisecond();
      t.same(results(await send(b, later.batch)), ['stored']);
      t.match(await folded(), { events: 7, amount: earlier.amount, conflicts: 3 });
    }
  });

  await test('losses are reported net of what turned out to be stored', async (t, { a, b, send, folded }) => {
    await send(a, batchOf(1, 10));
    await send(b, lossOf(8, 14));
    t.match(await folded(), { ...once(10), lost: 4 });
  });
}

async function durability(test: Define): Promise<void> {
  await test('while the store does not take rows or marks the answer is busy, and afterwards each counts once', async (t, region) => {
    const { tables, a, send, folded, marks } = region;
    for (const table of ['events', 'due'] as const) {
      tables.turn('refuses', table);
      const [ack] = await send(a, batchOf(1, 4));
      t.match(ack, { result: 'busy', first: 1, last: 4, retryAfterMs: Number }, table);
    }
    tables.turn('on');
    t.same(await marks(), [], 'rows without a mark were not acked');
    t.same(results(await send(a, batchOf(1, 2), batchOf(3, 6))), ['stored', 'stored']);
    t.match(await folded(), once(6));
    t.equal((await marks()).length, 1);
  });
}

async function marking(test: Define): Promise<void> {
  await test('every acked hour is due, with its terminal, at its end and grace', async (t, {
    a,
    send,
    marks,
    merchant,
  }) => {
    await send(a, batchOf(1, 2), batchOf(3, 4, { hour: HOUR - 5 }), lossOf(5, 6, { hour: HOUR + 1 }));
    const minute = NOW / 60_000;
    t.same(
      (await marks()).map(({ time, minute, terminals, level }) => ({ time, minute, terminals, level })),
      [
        { time: HOUR - 5, minute: minute + 1, terminals: [TERMINAL], level: 'hour' },
        { time: HOUR, minute: (HOUR + 1) * 60 + 2, terminals: [TERMINAL], level: 'hour' },
        { time: HOUR + 1, minute: (HOUR + 2) * 60 + 2, terminals: [TERMINAL], level: 'hour' },
      ],
      merchant,
    );
  });

  await test('each collector makes its own mark: what another one made covers nothing', async (t, {
    a,
    b,
    send,
    marks,
  }) => {
    await send(a, batchOf(1, 2));
    await send(a, batchOf(3, 4));
    await send(b, batchOf(5, 6));
    t.equal((await marks()).length, 2);
  });
}

/** A store that never got what tills say that it acknowledged is, to them, one that was restored. */
async function restoring(test: Define): Promise<void> {
  const said = { version: '1', epochs: [], ...{ clearThrough: 0, losses: 0, bufferBytes: 0, clockOffsetMs: null } };
  const run = (first: number, last: number, kind: Kind = 'events', hour = HOUR, of = EPOCH): AckedRun => [
    ...([KIND[kind], of, hour, first, last] as const),
  ];
  const told = (region: Region, runs: AckedRun[], more: { terminal?: string; storeGen?: string } = {}) => {
    const { terminal = TERMINAL, storeGen = STORE_GEN } = more;
    const sender = { merchant: region.merchant, terminal: terminalId(terminal), epoch: epoch(EPOCH) };
    return region.a.onStatus(sender, encodeStatus({ ...said, storeGen, ackedThrough: runs }));
  };

  await test('a till whose acknowledged seqs are all there is told the generation that it knows', async (t, region) => {
    const { a, send } = region;
    await send(a, batchOf(1, 10), batchOf(11, 12, { hour: HOUR + 1 }), lossOf(13, 20));
    const runs = [run(3, 10), run(11, 12, 'events', HOUR + 1), run(13, 20, 'losses')];
    t.match(await told(region, runs), { storeGen: STORE_GEN, lacks: false });
    const own = `${STORE_GEN}+0123abcd`;
    t.match(await told(region, runs, { storeGen: own }), { storeGen: own, lacks: false });
    t.match(await told(region, [], { storeGen: 'another' }), { storeGen: STORE_GEN, lacks: false });
  });

  for (const [name, runs] of [
    ['the end of a run', [run(1, 11)]],
    ['a run between others', [run(1, 2), run(11, 12), run(3, 10)]],
    ['an hour', [run(1, 2, 'events', HOUR + 7)]],
    ['a loss record', [run(1, 10), run(21, 22, 'losses')]],
    ['an epoch', [run(1, 10, 'events', HOUR, '00000000000000ff')]],
  ] as const)
    await test(`a store that lacks ${name} is told by a generation of the till's own, once`, async (t, region) => {
      await region.send(region.a, batchOf(1, 10), batchOf(13, 14));
      const { storeGen, lacks } = (await told(region, [...runs]))!;
      t.match({ storeGen, lacks }, { storeGen: /^generation-1\+[0-9a-f]{8}$/, lacks: true });
      t.match(await told(region, [...runs]), { storeGen, lacks }, 'a repeat gets the same');
      t.match(await told(region, [...runs], { storeGen }), { storeGen, lacks }, 'also one that knows it');
      const other = await told(region, [], { terminal: 'till-2' });
      t.match(other, { storeGen: STORE_GEN, lacks: false }, 'others go on');
    });

  await test('what was sent again is stored and marked anew, though this process remembers it', async (t, region) => {
    const { a, send, folded, marks, tables } = region;
    await send(a, batchOf(1, 10));
    const before = (await marks()).length;
    await told(region, [run(1, 12)]);
    const puts = tables.puts.get('events') ?? 0;
    t.same(results(await send(a, batchOf(1, 10), batchOf(11, 12))), ['stored', 'stored']);
    t.equal(tables.puts.get('events'), puts + 1);
    t.match(await folded(), once(12));
    t.equal((await marks()).length, before + 1);
    t.match(await told(region, [run(1, 12)]), { storeGen: STORE_GEN, lacks: false }, 'now it has it');
  });

  await test('a store that does not tell is believed to have it', async (t, region) => {
    region.tables.turn('refuses', 'events');
    t.match(await told(region, [run(1, 2)]), { storeGen: STORE_GEN, lacks: false });
    region.tables.turn('on');
    t.match(await told(region, [run(1, 2)]), { lacks: true });
  });
}
