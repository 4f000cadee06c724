/**
 * What befalls the files of a buffer, against a model of what outsiders know: sales and acknowledgements, evictions, crashes, harm that is
 * salvaged, older copies put back and folders that are cloned and go on apart, in whatever order. After each step each (stream, seq) that was
 * ever answered has, in each copy, a fate that what befell it allows; it means one event everywhere; and none is given out twice.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { encodeBody } from '../../agent/buffer/tables/event-row.ts';
import type { Files, Part } from '../../scripts/campaigns/corruption/buffer-files.ts';
import { Judge } from '../../scripts/campaigns/corruption/readability-oracle.ts';
import type { TillEvent } from '../../shared/event/event.ts';
import { DAY_MS, HOUR_MS } from '../../shared/time.ts';
import { NOW, parsed, sale } from '../support/agent/events.ts';
import {
  evicted,
  harmed,
  maybeThen,
  outdated,
  parts,
  reopened,
  settled,
  shipping,
  unchanged,
} from './buffer-files/allowed-outcomes.ts';
import { FORGOTTEN, type Key, type Observed } from './buffer-files/observed-state.ts';
import { Copy, type World } from './buffer-files/replica.ts';

const till = fc.record({ hoursAgo: fc.nat(3), items: fc.constantFrom<number[]>(1, 1, 1, 6, 100, 400) });
const request = fc.record({
  tills: fc.array(till, { maxLength: 20 }),
  /** Which of what was accepted here before is sent once more. */
  repeats: fc.array(fc.nat(500), { maxLength: 4 }),
});
type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;

/** A share of a file is where a page of it is hit. */
const harm = fc.oneof(
  fc.record({ kind: fc.constant('zeroed header' as const) }),
  fc.record({
    kind: fc.constant('zeroed page' as const),
    part: fc.constantFrom<Part[]>('database', 'log'),
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  }),
  fc.record({ kind: fc.constant('missing' as const), part: fc.constantFrom<Part[]>('log', 'log', 'database') }),
);
type Harm = typeof harm extends fc.Arbitrary<infer T> ? T : never;

const interruption = fc.record({ turns: fc.nat(12), isHarmed: fc.boolean() });
type Interruption = typeof interruption extends fc.Arbitrary<infer T> ? T : never;

const acts = [
  [6, fc.record({ kind: fc.constant('sell' as const), request })],
  [3, fc.record({ kind: fc.constant('flood' as const), count: fc.integer({ min: 15, max: 40 }) })],
  [
    4,
    fc.record({
      kind: fc.constant('ack' as const),
      /** Mostly in order: only then marks settle something. */
      first: fc.oneof(fc.constant(0), fc.nat(60)),
      count: fc.integer({ min: 1, max: 30 }),
      quarantine: fc.boolean(),
    }),
  ],
  [2, fc.record({ kind: fc.constant('tell losses' as const), count: fc.integer({ min: 1, max: 10 }) })],
  [1, fc.record({ kind: fc.constant('wait' as const), hours: fc.integer({ min: 1, max: 30 }) })],
  [1, fc.record({ kind: fc.constant('reopen' as const) })],
  [3, fc.record({ kind: fc.constant('crash' as const), selling: fc.constantFrom(0, 5, 30, 200) })],
  [
    3,
    fc.record({
      kind: fc.constant('salvage' as const),
      closed: fc.boolean(),
      /** Whether support requeues what is quarantined, before the files are harmed. */
      requeues: fc.constantFrom(false, false, true),
      harms: fc.array(harm, { minLength: 1, maxLength: 2 }),
      during: request,
      /** Killed after so many turns of the event loop, and opened again; or the fresh file is harmed too, and the till sells the same again. */
      interrupted: fc.option(interruption),
    }),
  ],
  [2, fc.record({ kind: fc.constant('back up' as const) })],
  [3, fc.record({ kind: fc.constant('restore' as const), side: fc.constantFrom('of now', 'of then', 'none') })],
  [2, fc.record({ kind: fc.constant('clone' as const) })],
] as const;
const act = fc.oneof(...acts.map(([weight, arbitrary]) => ({ weight, arbitrary })));
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

const RUNS = 40;
/** The same lives each time; another one to hunt, with some hundreds of runs. */
const SEED = 7;
const MOST_COPIES = 3;
const ACKED_KEPT_HOURS = 10;
const PAGE_BYTES = 4096;
const HEADER_BYTES = 200;
/** Items of a sale that fills a page. */
const LONG = 250;
/** Room for some dozens of a flood's events. */
const SMALL_BYTES = 3 * 1024 * 1024;

function harmedFiles(files: Files, harms: readonly Harm[]): Files {
  const left = { ...files };
  for (const harm of harms) {
    if (harm.kind === 'missing') left[harm.part] = null;
    else {
      const part = harm.kind === 'zeroed page' ? harm.part : 'database';
      const bytes = left[part];
      if (bytes === null) continue;
      const copy = Buffer.from(bytes);
      // A frame of the log is a page and its header: what is hit is parts of two.
      const start = harm.kind === 'zeroed page' ? Math.floor((harm.at * copy.length) / PAGE_BYTES) * PAGE_BYTES : 0;
      const length = harm.kind === 'zeroed page' ? PAGE_BYTES : HEADER_BYTES;
      left[part] = copy.fill(0, start, Math.min(copy.length, start + length));
    }
  }
  return left;
}

/** Of the row that is kept whatever its state: the numbering hangs on it. */
const newestId = ({ fates }: Copy): number => Math.max(0, ...[...fates.values()].map(({ row }) => row?.id ?? 0));

/** One life: a first buffer, what happens to it, and its copies. */
class Life {
  readonly #small: boolean;
  readonly #world: World;
  readonly #copies: Copy[] = [];
  readonly #backups = new Map<Copy, { readonly files: Files; readonly fates: Observed }>();
  #sales = 0;

  constructor(directory: string, small: boolean) {
    this.#small = small;
    let drawn = 0;
    this.#world = {
      directory,
      options: {
        keepAckedHours: ACKED_KEPT_HOURS,
        // A life that failed can be lived again.
        randomBytes: (count) => createHash('sha256').update(`${drawn++}`).digest().subarray(0, count),
        ...(small ? { maxBytes: SMALL_BYTES, whenFull: 'drop-oldest' } : {}),
      },
      clock: NOW,
      copies: 0,
      sold: new Map(),
      soldAt: new Map(),
      stored: new Set(),
      told: new Set(),
      epochs: new Set(),
    };
    const first = new Copy(this.#world);
    first.open();
    this.#copies.push(first);
  }

  /** @param which copy it befalls */
  async live(act: Act, which: number): Promise<void> {
    const copy = this.#copies[which % this.#copies.length]!;
    try {
      await this.#act(act, copy);
    } catch (error) {
      // Damage that no look through the file showed: it hid no events.
      const distrust = copy.distrust(error);
      const { files } = copy;
      const judge = new Judge(files, files, true);
      await copy.heal(distrust, async () => {});
      copy.become(this.#harmed(copy, judge, new Set()));
    }
  }

  end(): void {
    for (const copy of this.#copies) copy.close();
  }

  async #act(act: Act, copy: Copy): Promise<void> {
    const world = this.#world;
    switch (act.kind) {
      case 'sell':
        await this.#sellAndCheck(copy, this.#eventsOf(copy, act.request));
        break;
      case 'flood':
        await this.#sellAndCheck(
          copy,
          this.#new(Array.from({ length: act.count }, () => ({ hoursAgo: 0, items: LONG }))),
        );
        break;
      case 'ack': {
        const pending = [...copy.buffer.pending(0)];
        const chosen = pending.slice(act.first % Math.max(1, pending.length)).slice(0, act.count);
        const keys = chosen.map(({ epoch, seq }) => `till-1.${epoch}/${seq}`);
        if (!act.quarantine) for (const key of keys) world.stored.add(key);
        const how = act.quarantine ? { kind: 'quarantined' as const, reason: 'odd' } : { kind: 'stored' as const };
        await copy.buffer.settle(chosen.map(({ epoch, seq }) => ({ ...how, epoch, firstSeq: seq, lastSeq: seq })));
        for (const key of keys) {
          copy.fates.set(key, { ...copy.fates.get(key)!, fate: act.quarantine ? 'quarantined' : 'acked' });
        }
        copy.become(settled(copy.lacksRoom));
        break;
      }
      case 'tell losses': {
        const losses = copy.buffer.losses(act.count);
        for (const { epoch, firstSeq, count } of losses) {
          for (let seq = firstSeq; seq < firstSeq + count; seq++) world.told.add(`till-1.${epoch}/${seq}`);
        }
        await copy.buffer.settle(losses.map(({ id }) => ({ kind: 'loss-stored', id })));
        copy.become(settled(copy.lacksRoom));
        break;
      }
      case 'wait':
        world.clock += act.hours * HOUR_MS;
        for (const copy of this.#copies) copy.tick();
        this.#expire(copy);
        break;
      case 'reopen':
        copy.close();
        copy.open();
        copy.become(reopened);
        break;
      case 'crash':
        await this.#crash(copy, act.selling);
        break;
      case 'salvage':
        await this.#salvage(copy, act);
        break;
      case 'back up':
        this.#backUp(copy);
        break;
      case 'restore':
        await this.#restore(copy, act.side);
        break;
      case 'clone': {
        if (this.#copies.length === MOST_COPIES) break;
        const clone = copy.copied();
        clone.open();
        clone.become(reopened);
        this.#copies.push(clone);
        const backup = this.#backups.get(copy);
        if (backup !== undefined) this.#backups.set(clone, backup);
        break;
      }
    }
  }

  #new(tills: Request['tills']): TillEvent[] {
    return tills.map(({ hoursAgo, items: length }) => {
      const number = this.#sales++;
      // Unlike any other from its first bytes on.
      const items = Array.from({ length }, (_, at) => ({ sku: `sku-${number}-${at}`, qty: 1, price: 100 }));
      return parsed(sale(`sale-${number}`, { ts: NOW - hoursAgo * HOUR_MS, items }), this.#world.clock);
    });
  }

  #eventsOf(copy: Copy, { tills, repeats }: Request): TillEvent[] {
    const known = [...copy.fates.keys()];
    const again = known.length === 0 ? [] : repeats.map((at) => this.#world.sold.get(known[at % known.length]!)!);
    return [...this.#new(tills), ...again];
  }

  async #sellAndCheck(copy: Copy, events: readonly TillEvent[]): Promise<void> {
    const newest = newestId(copy);
    const pending = [...copy.buffer.pending(0)].map(({ epoch, seq }) => `till-1.${epoch}/${seq}`);
    const stored = await this.#sell(copy, events, true);
    copy.become(this.#small ? evicted(stored) : unchanged);
    const dropped = pending.filter((key) => copy.fates.get(key)!.fate === 'lost');
    assert.deepEqual(dropped, pending.slice(0, dropped.length), 'the oldest go first');
    for (const key of dropped) assert.ok(copy.fates.get(key)!.reasons.includes('evicted'));
    if (dropped.length === 0) return;
    const left = [...copy.fates.values()].filter(
      ({ fate, row }) => (fate === 'quarantined' || fate === 'acked') && row!.id !== newest,
    );
    assert.deepEqual(left, [], 'what the collector has, or refuses, goes before what is pending');
  }

  /**
   * @param knows whether the buffer must know what it has sold before
   * @returns what was stored
   */
  async #sell(copy: Copy, events: readonly TillEvent[], knows: boolean): Promise<Set<Key>> {
    if (events.length === 0) return new Set();
    const { sold, soldAt, clock } = this.#world;
    const { buffer } = copy;
    const answer = await buffer.accept(events);
    assert(answer.kind === 'accepted', JSON.stringify(answer));
    const repeats = new Map(answer.duplicates.map(({ index, stream, seq }) => [index, `${stream}/${seq}`]));
    const order = events.map((event, index) => ({ event, index })).filter(({ index }) => !repeats.has(index));
    order.sort((a, b) => Math.floor(a.event.ts / HOUR_MS) - Math.floor(b.event.ts / HOUR_MS));
    assert.equal(answer.accepted, order.length);
    const own = [...sold.keys()].filter((key) => parts(key).stream === buffer.stream).length;
    if (order.length > 0) assert.deepEqual([answer.firstSeq, answer.lastSeq], [own + 1, own + order.length]);
    const stored = new Set<Key>();
    for (const [at, { event }] of order.entries()) {
      const key: Key = `${answer.stream}/${own + 1 + at}`;
      assert.ok(!sold.has(key), `${key} is given out twice`);
      if (knows && !this.#small) this.#assertNew(copy, event);
      sold.set(key, event);
      soldAt.set(key, clock);
      copy.fates.set(key, { ...FORGOTTEN, fate: 'pending' });
      stored.add(key);
    }
    for (const [index, key] of repeats) {
      assert.deepEqual(sold.get(key), events[index], `${key} is no repeat`);
      const { fate, reasons } = copy.fates.get(key)!;
      // Of a duplicate the other copy is here, or the collector has it.
      const mayHide = reasons.some((reason) => reason === 'quarantined' || reason === 'duplicate');
      assert.ok(fate !== 'lost' || mayHide, `${key} is lost, and hides its repeat`);
    }
    return stored;
  }

  /** What is here and was sold within a day is known again. */
  #assertNew(copy: Copy, event: TillEvent): void {
    for (const [key, { fate }] of copy.fates) {
      if (fate !== 'pending' && fate !== 'acked') continue;
      const { sold, soldAt, clock } = this.#world;
      if (sold.get(key) !== event || soldAt.get(key)! <= clock - DAY_MS) continue;
      assert.fail(`${key} was not known again`);
    }
  }

  #expire(copy: Copy): void {
    while (copy.buffer.expireStep()) {}
    const newest = newestId(copy);
    for (const [key, seen] of copy.fates) {
      const { fate, row } = seen;
      if (fate !== 'acked' || row!.at > this.#world.clock - ACKED_KEPT_HOURS * HOUR_MS) continue;
      if (row!.id !== newest) copy.fates.set(key, { ...FORGOTTEN, fate: 'gone' });
    }
    copy.become(unchanged);
  }

  /** While a sale is on its way: it was answered, or is not there. */
  async #crash(copy: Copy, count: number): Promise<void> {
    const length = this.#small ? Math.min(count, 30) : count;
    const events = this.#new(Array.from({ length }, () => ({ hoursAgo: 0, items: LONG })));
    let stored: Set<Key> | null = null;
    const selling = this.#sell(copy, events, true).then((keys) => {
      stored = keys;
    });
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
    const wasAnswered = stored !== null;
    copy.crash();
    await selling;
    if (!wasAnswered) {
      for (const key of stored!) {
        this.#world.sold.delete(key);
        copy.fates.delete(key);
      }
    }
    copy.open();
    copy.become(wasAnswered && this.#small ? maybeThen(evicted(stored!), reopened) : reopened);
  }

  async #salvage(copy: Copy, act: Extract<Act, { kind: 'salvage' }>): Promise<void> {
    const { harms, closed, requeues, during, interrupted } = act;
    if (closed) copy.close();
    else copy.crash();
    const requeued = requeues ? copy.requeue() : new Set<Key>();
    const before = copy.files;
    const after = harmedFiles(before, harms);
    copy.wasHarmed = true;
    copy.hasForgotten ||= harms.some(({ kind }) => kind === 'missing');
    copy.replace(after);
    const repeats = new Set<Key>();
    const events = this.#eventsOf(copy, during);
    const sell = async () => {
      for (const key of await this.#sell(copy, events, false)) repeats.add(key);
    };
    if (interrupted !== null) {
      await this.#healInPart(copy, interrupted, sell);
      if (interrupted.isHarmed) copy.replace(harmedFiles(copy.files, [{ kind: 'zeroed header' }]));
    }
    await copy.heal(null, interrupted === null || interrupted.isHarmed ? sell : async () => {});
    copy.become(this.#harmed(copy, new Judge(before, after, true), repeats, requeued));
    for (const key of repeats) {
      const { fate, reasons } = copy.fates.get(key)!;
      if (fate === 'pending' || this.#small) continue;
      assert.ok(reasons.includes('duplicate'), `${key} was given up: ${reasons}`);
    }
  }

  async #healInPart(copy: Copy, { turns, isHarmed }: Interruption, sell: () => Promise<void>): Promise<void> {
    try {
      copy.open();
      await sell();
      const healing = copy.buffer.recover(async () => true).catch(() => {});
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      // Closed, the header is the database's, not the log's.
      if (isHarmed) copy.close();
      else copy.crash();
      await healing;
    } catch (error) {
      copy.distrust(error);
    }
  }

  #harmed(copy: Copy, judge: Judge, repeats: ReadonlySet<Key>, requeued: ReadonlySet<Key> = new Set()) {
    const { sold } = this.#world;
    const times = new Map<TillEvent, number>();
    for (const key of copy.fates.keys()) times.set(sold.get(key)!, (times.get(sold.get(key)!) ?? 0) + 1);
    // Of what was stored twice, the judge cannot say which one it looks at.
    const isReadable = (event: TillEvent) => times.get(event) === 1 && judge.isReadable(Buffer.from(encodeBody(event)));
    return shipping(copy.shipped, harmed({ isReadable, sold, repeats, requeued, evicts: this.#small }));
  }

  #backUp(copy: Copy): void {
    this.#backups.set(copy, { files: copy.files, fates: new Map(copy.fates) });
  }

  async #restore(copy: Copy, side: string): Promise<void> {
    const backup = this.#backups.get(copy);
    if (backup === undefined) {
      this.#backUp(copy);
      return;
    }
    const { database, log } = backup.files;
    copy.crash();
    const now = copy.fates;
    copy.hasForgotten = true;
    copy.replace({
      database,
      log,
      side: side === 'none' ? null : side === 'of now' ? copy.files.side : backup.files.side,
    });
    if (side === 'of now') {
      await copy.heal(null, async () => {});
      copy.become(shipping(copy.shipped, outdated(backup.fates, now, copy.lackedRoom)));
      return;
    }
    // Nothing tells of what came since.
    copy.fates = new Map([...now.keys()].map((key) => [key, backup.fates.get(key) ?? FORGOTTEN]));
    copy.open();
    copy.become(reopened);
  }
}

t.test('whatever befalls its files, a buffer keeps, offers or declares lost what it accepted', async (t) => {
  const directory = t.testdir();
  let run = 0;
  const steps = fc.array(fc.tuple(act, fc.nat(MOST_COPIES - 1)), { maxLength: 25, size: 'max' });
  await fc.assert(
    fc.asyncProperty(fc.boolean(), steps, async (small, steps) => {
      const own = `${directory}/${run++}`;
      const life = new Life(own, small);
      for (const [act, which] of steps) await life.live(act, which);
      life.end();
      rmSync(own, { recursive: true });
    }),
    { numRuns: RUNS, seed: SEED },
  );
  t.equal(run, RUNS);
});
