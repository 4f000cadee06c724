/** A till's machine with a buffer on it, by the agent's own clock, and a collector that knows the time. */
import assert from 'node:assert/strict';
import { closeSync, cpSync, existsSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { SqliteBuffer } from '../../../agent/buffer/sqlite-buffer.ts';
import { readStats } from '../../../agent/buffer/support/buffer-stats.ts';
import { openReadOnly } from '../../../agent/buffer/support/open-read-only.ts';
import { DisciplinedClock } from '../../../agent/clock/disciplined-clock.ts';
import type { Accepted } from '../../../agent/port/intake.ts';
import { hourOf } from '../../../shared/time.ts';
import { parsed, sale } from './events.ts';
import { FakeMachine } from './fake-machine.ts';
import { type Scratch, scratchBuffer } from './temp-buffer.ts';

export interface Offered {
  readonly stream: string;
  readonly ref: string;
  readonly ts: number;
  readonly flags: number;
}

export class Shop {
  readonly machine: FakeMachine;
  readonly #scratch: Scratch;
  clock!: DisciplinedClock;
  buffer!: SqliteBuffer;

  constructor(directory: string, machine = new FakeMachine()) {
    this.machine = machine;
    this.#scratch = scratchBuffer(directory);
  }

  get path(): string {
    return this.#scratch.path;
  }

  /** A process starts. */
  start(): this {
    this.clock = new DisciplinedClock(this.machine);
    this.buffer = this.#scratch.open({ clock: this.clock });
    return this;
  }

  /** It ends, and another starts. */
  restart(): void {
    this.buffer.close();
    this.machine.restart();
    this.start();
  }

  /** The machine is off for a while. @param wall that it starts with */
  reboot(offMs: number, wall?: number): void {
    this.buffer.close();
    this.machine.reboot(offMs, wall);
    this.start();
  }

  /** The file's header is lost, and what the file holds brought over. @param between what happens to the machine before */
  async salvage(between: () => void = () => {}): Promise<void> {
    this.buffer.close();
    const file = openSync(this.path, 'r+');
    writeSync(file, Buffer.alloc(100), 0, 100, 0);
    closeSync(file);
    between();
    this.start();
    await this.buffer.recover(async () => true);
  }

  /** Sales with these refs, each the same again. */
  sell(refs: readonly string[], more: Record<string, unknown> = {}): Promise<Accepted> {
    const now = this.clock.now();
    const { suspect, wall } = this.clock.stamp();
    return this.buffer.accept(refs.map((ref) => parsed(sale(ref, more), now, suspect ? wall : undefined)));
  }

  greet(): Promise<void> {
    return this.buffer.greeted({ storeGen: 'gen-1', ...this.machine.measure() });
  }

  /** What may be shipped. */
  offered(): Offered[] {
    return [...this.buffer.pending(0)].map(({ epoch, seq, hour, event }) => {
      assert.equal(hour, hourOf(event.ts), 'the hour is that of the time');
      return { stream: `${epoch}/${seq}`, ref: event.ref!, ts: event.ts, flags: event.flags };
    });
  }

  /** Memory and file agree, and nothing is damaged. */
  check(): void {
    const reader = openReadOnly(this.path);
    assert.deepEqual(readStats(reader, this.path), this.buffer.facts());
    reader.close();
    assert.deepEqual(this.#scratch.damage, []);
  }

  /** Rows that the segments of the clock take. */
  segments(): number {
    const reader = openReadOnly(this.path);
    const count = reader.prepare<[], number>('SELECT count(*) FROM clocks').pluck().get()!;
    reader.close();
    return count;
  }

  /** What a power cut would leave at this moment. @param directory for the copy */
  copy(directory: string): void {
    mkdirSync(directory, { recursive: true });
    for (const name of ['', '-wal'])
      if (existsSync(this.path + name)) cpSync(this.path + name, join(directory, `buffer.db${name}`));
  }
}
