/** A folder with a buffer's files, the buffer that is open on them, and what the model knows of the events in it. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ballastBytes } from '../../../agent/buffer/disk/ballast-file.ts';
import { classifyError } from '../../../agent/buffer/disk/classify-error.ts';
import { openBuffer } from '../../../agent/buffer/open-buffer.ts';
import type { BufferOptions } from '../../../agent/buffer/options.ts';
import type { SqliteBuffer } from '../../../agent/buffer/sqlite-buffer.ts';
import { readStats } from '../../../agent/buffer/support/buffer-stats.ts';
import { openReadOnly } from '../../../agent/buffer/support/open-read-only.ts';
import { openForRequeue, requeue } from '../../../agent/buffer/support/requeue.ts';
import { type Files, readFiles, writeFiles } from '../../../scripts/campaigns/corruption/buffer-files.ts';
import type { TillEvent } from '../../../shared/event/event.ts';
import { DAY_MS, hourOf } from '../../../shared/time.ts';
import { type Scratch, scratchBuffer } from '../../support/agent/temp-buffer.ts';
import type { Rule } from './allowed-outcomes.ts';
import { FORGOTTEN, type Key, type Observed, observed, type Seen } from './observed-state.ts';

/** What all copies share: nothing of it is theirs to know. */
export interface World {
  readonly directory: string;
  readonly options: Partial<BufferOptions>;
  /** Milliseconds since 1970. */
  clock: number;
  /** Copies made so far. */
  copies: number;
  /** What was accepted, under the identity that was answered; and when. */
  readonly sold: Map<Key, TillEvent>;
  readonly soldAt: Map<Key, number>;
  /** What a collector acknowledged. */
  readonly stored: Set<Key>;
  /**
   * Of what a collector acknowledged the record that it was given up. A mark says of a seq only that the collector knows of it, by the event or
   * by such a record: what an older copy of a row says is taken for acked by either. The files may have forgotten the record since.
   */
  readonly told: Set<Key>;
  /** Epochs that were drawn. */
  readonly epochs: Set<string>;
}

/** Damage may show more damage. */
const MOST_OPENINGS = 5;
const PAUSES_BEFORE_SHIPPING = 6;
const MOST_PAUSES = 50;

export class Copy {
  readonly #world: World;
  #scratch: Scratch;
  #buffer: SqliteBuffer | null = null;
  /** What became of each event that was accepted here, or where this was copied from. */
  fates: Map<Key, Seen>;
  wasHarmed = false;
  /** Whether files are gone that knew what the collector has, and no rows are left of: then a repeat of that is welcome. */
  hasForgotten = false;
  /** What a collector acknowledged while something was brought over for which there was no room. */
  readonly shipped = new Set<Key>();
  /** Whether there was no room for something that was brought over last. */
  lackedRoom = false;

  constructor(world: World, fates: Observed = new Map()) {
    this.#world = world;
    this.#scratch = scratchBuffer(join(world.directory, `copy-${world.copies++}`));
    mkdirSync(dirname(this.#scratch.path), { recursive: true });
    this.fates = new Map(fates);
  }

  get buffer(): SqliteBuffer {
    assert(this.#buffer !== null);
    return this.#buffer;
  }

  get files(): Files {
    return readFiles(this.#scratch.path);
  }

  get path(): string {
    return this.#scratch.path;
  }

  tick(): void {
    this.#scratch.clock = this.#world.clock;
  }

  open(distrust: string | null = null): void {
    this.tick();
    this.#buffer = openBuffer({ ...this.#scratch.options, ...this.#world.options, distrust });
    const { open } = this.#buffer.holdings();
    assert.ok(!this.#world.epochs.has(open), `epoch ${open} was drawn twice`);
    this.#world.epochs.add(open);
  }

  close(): void {
    this.#buffer?.close();
    this.#buffer = null;
    if (!this.wasHarmed) assert.deepEqual(this.#scratch.damage, []);
  }

  /** The folder as it is at this moment, elsewhere, not opened yet; what is set aside is copied with it. */
  copied(): Copy {
    const copy = new Copy(this.#world, this.fates);
    copy.wasHarmed = this.wasHarmed;
    copy.hasForgotten = this.hasForgotten;
    const folder = dirname(this.path);
    for (const name of readdirSync(folder)) {
      if (!/-shm$|\.lock$/.test(name)) copyFileSync(join(folder, name), join(dirname(copy.path), name));
    }
    return copy;
  }

  /** As `kill -9` leaves it: this one is in its place from now on. */
  crash(): void {
    const copy = this.copied();
    this.#buffer?.close();
    rmSync(dirname(this.path), { recursive: true });
    this.#buffer = null;
    this.#scratch = copy.#scratch;
  }

  /** Closed, all that is quarantined is requeued but duplicates. The side file knows nothing of it before the next opening. @returns what was */
  requeue(): Set<Key> {
    const all = [...this.fates].filter(([, { fate }]) => fate === 'quarantined');
    const quarantined = all.filter(([, { reasons }]) => !reasons.includes('duplicate'));
    const db = openForRequeue(this.path);
    try {
      const outcome = { requeued: quarantined.length, duplicates: all.length - quarantined.length, refused: [] };
      assert.deepEqual(requeue(db, null, this.#world.clock), outcome);
    } finally {
      db.close();
    }
    for (const [key, seen] of quarantined) this.fates.set(key, { ...seen, fate: 'pending' });
    return new Set(quarantined.map(([key]) => key));
  }

  /** Closed, other files take the place of its own. */
  replace(files: Files): void {
    this.close();
    for (const suffix of ['', '-wal', '-shm', '.seq']) rmSync(this.path + suffix, { force: true });
    writeFiles(this.path, files);
  }

  /**
   * Opens it and brings everything over, looks through it and reads it, as often as that shows more damage: what the keeper does.
   *
   * @param during what happens while something is brought over
   */
  async heal(distrust: string | null, during: () => Promise<void>): Promise<void> {
    let again = distrust;
    this.shipped.clear();
    this.lackedRoom = false;
    for (let openings = 1; ; openings++) {
      try {
        this.open(again);
        if (openings === 1) await during();
        await this.#bringOver();
        for (let said = -1; said < this.#scratch.damage.length; ) {
          said = this.#scratch.damage.length;
          while (this.buffer.scrubStep()) {}
          [...this.buffer.pending(0)];
          this.buffer.losses(1e6);
          // What was found unreadable is given up in a commit before this one.
          await this.buffer.settle([]);
        }
        return;
      } catch (error) {
        if (openings === MOST_OPENINGS) throw error;
        again = this.distrust(error);
      }
    }
  }

  /** Whether the ballast is gone: the first thing that a buffer without room gives up, and has again from the next opening or expiry on. */
  get lacksRoom(): boolean {
    return ballastBytes(this.path) === 0;
  }

  /** Where there is no room, a collector makes some, once it is offered anything. */
  async #bringOver(): Promise<void> {
    let pauses = 0;
    const bringingOver = this.buffer.recover(async () => {
      assert.ok(++pauses <= MOST_PAUSES, 'it gets no further');
      if (pauses <= PAUSES_BEFORE_SHIPPING) return true;
      const offered = [...this.buffer.pending(0)];
      for (const { epoch, seq } of offered) {
        this.shipped.add(`till-1.${epoch}/${seq}`);
        this.#world.stored.add(`till-1.${epoch}/${seq}`);
      }
      await this.buffer.settle(
        offered.map(({ epoch, seq }) => ({ kind: 'stored', epoch, firstSeq: seq, lastSeq: seq })),
      );
      return true;
    });
    await bringingOver.finally(() => {
      this.lackedRoom ||= this.lacksRoom;
    });
  }

  /** Closes what is damaged. @returns why it is to be distrusted. @throws what says nothing of damage */
  distrust(error: unknown): string {
    if (!this.wasHarmed || classifyError(error) !== 'damaged') throw error;
    this.#buffer?.close(true);
    this.#buffer = null;
    return (error as Error).message;
  }

  /** Compares what is there with what may be there, and takes it into the model. */
  become({ may, keepsRecords }: Rule): void {
    const { sold, stored, told } = this.#world;
    const seen = observed(this.path);
    for (const key of new Set([...this.fates.keys(), ...seen.keys()])) {
      const before = this.fates.get(key) ?? FORGOTTEN;
      const now = seen.get(key) ?? FORGOTTEN;
      assert.ok(sold.has(key), `${key} is ${now.fate}, and nobody was answered so`);
      assert.ok(may(key, before).includes(now.fate), `${key} was ${before.fate}, is ${now.fate}: ${now.reasons}`);
      if (now.row?.event) assert.deepEqual(now.row.event, sold.get(key), `${key} is not what was accepted`);
      if (now.fate === 'pending') assert.ok(now.row?.event, `${key} is pending and cannot be read`);
      if (now.fate === 'acked' && before.fate !== 'acked') {
        assert.ok(stored.has(key) || told.has(key), `${key} is acked, and no collector has it`);
      }
      if (keepsRecords && before.reasons.length > 0) {
        assert.deepEqual(
          now.reasons.slice(0, before.reasons.length),
          before.reasons,
          `the record of ${key} is not kept`,
        );
      }
    }
    this.fates = new Map([...this.fates.keys()].map((key) => [key, FORGOTTEN]));
    for (const [key, now] of seen) this.fates.set(key, now);
    this.#countsOnce();
    this.#compareMemory();
  }

  /**
   * What the collector has, or is offered, it has once: a sale and its repeat within a day are one. What the ledger says is lost may be
   * repeated, also where it is wrong: of rows that were dropped above the mark nothing tells, in a damaged file, that they were acked.
   */
  #countsOnce(): void {
    const { sold, soldAt, stored } = this.#world;
    const counting = new Map<TillEvent, Key[]>();
    for (const [key, { fate }] of this.fates) {
      const isStored = stored.has(key) && (fate === 'acked' || (fate === 'gone' && !this.hasForgotten));
      if (fate !== 'pending' && !isStored) continue;
      const event = sold.get(key)!;
      const others = counting.get(event) ?? [];
      for (const other of others) {
        const between = Math.abs(soldAt.get(key)! - soldAt.get(other)!);
        assert.ok(between >= DAY_MS, `${key} counts beside ${other}, the same sale`);
      }
      counting.set(event, [...others, key]);
    }
  }

  /** What is offered, and what the buffer says of itself, is what its rows say. */
  #compareMemory(): void {
    const pending = [...this.fates].filter(([, { fate }]) => fate === 'pending');
    pending.sort(([, a], [, b]) => a.row!.id - b.row!.id);
    assert.deepEqual(
      [...this.buffer.pending(0)].map(({ epoch, seq, hour, event }) => [`till-1.${epoch}/${seq}`, hour, event]),
      pending.map(([key, { row }]) => [key, hourOf(row!.event!.ts), row!.event]),
    );
    const reader = openReadOnly(this.path);
    try {
      assert.deepEqual(readStats(reader, this.path), this.buffer.facts());
    } finally {
      reader.close();
    }
  }
}
