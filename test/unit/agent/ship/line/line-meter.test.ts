import t from 'tap';
import { LineMeter } from '../../../../../agent/ship/line/line-meter.ts';

/** A line of so many bytes a second, and so long a round trip, that is always kept as full as the meter allows. */
class Line {
  now = 0;
  readonly meter = new LineMeter(() => this.now);
  readonly #arrivals: { readonly at: number; readonly bytes: number; readonly arrived: () => void }[] = [];
  #freeAt = 0;
  speed: number;
  readonly #rttMs: number;
  /** Bytes that pass at any speed before the line shows its own. */
  #burst: number;
  arrivedBytes = 0;

  constructor(bytesPerSecond: number, rttMs: number, burst = 0) {
    this.speed = bytesPerSecond;
    this.#rttMs = rttMs;
    this.#burst = burst;
  }

  publish(bytes: number): void {
    const slow = Math.max(0, bytes - this.#burst);
    this.#burst -= bytes - slow;
    this.#freeAt = Math.max(this.#freeAt, this.now) + (slow / this.speed) * 1_000;
    this.#arrivals.push({ at: this.#freeAt + this.#rttMs, bytes, arrived: this.meter.published(bytes) });
  }

  /** Keeps it full until so many bytes have arrived. @returns the most that were under way at an arrival */
  pass(bytes: number): number {
    let most = 0;
    for (const goal = this.arrivedBytes + bytes; this.arrivedBytes < goal; ) {
      while (!this.meter.isFull) this.publish(Math.round(this.meter.batchBytes));
      most = Math.max(most, this.meter.report().bytesUnderWay);
      this.next();
    }
    return most;
  }

  next(): void {
    const { at, bytes, arrived } = this.#arrivals.shift()!;
    if (this.meter.deadline! <= at) throw new Error(`taken for dead after ${at - this.now} ms`);
    this.now = Math.max(this.now, at);
    this.arrivedBytes += bytes;
    arrived();
  }
}

t.test('any line of 200 bytes a second and more is kept busy, and none is taken for dead', async (t) => {
  for (const speed of [200, 400, 700, 1_000, 2_000, 5_000, 20_000, 100_000])
    for (const rttMs of [20, 300, 1_500]) {
      const line = new Line(speed, rttMs);
      line.publish(250);
      line.next();
      const bytes = speed * 300;
      const start = line.now;
      const most = line.pass(bytes);
      const timeMs = line.now - start;
      t.ok(
        timeMs < 1.25 * 300_000 + 8 * rttMs,
        `${speed} bytes/s, ${rttMs} ms: ${Math.round(timeMs / 1_000)} s for 300`,
      );
      t.ok(most <= Math.max(3 * 4_096, speed * 14), `${speed} bytes/s, ${rttMs} ms: ${most} bytes under way`);
    }
});

t.test('a line that lets a burst pass before it shows its speed is not taken for dead', async (t) => {
  for (const burst of [4_096, 16_384, 32_768]) {
    const line = new Line(1_000, 50, burst);
    line.publish(250);
    line.next();
    line.pass(200_000);
    t.ok(line.meter.batchBytes <= 4_096, `after a burst of ${burst}: batches of ${line.meter.batchBytes}`);
  }
});

t.test('a line that becomes ten times slower is measured again by what arrives', async (t) => {
  const line = new Line(10_000, 100);
  line.pass(300_000);
  line.speed = 1_000;
  line.pass(100_000);
  t.ok(Math.abs(line.meter.report().bytesPerSecond! - 1_000) < 250, `${line.meter.report().bytesPerSecond}`);
});

t.test('a fast line has four batches of 64 KiB after a few round trips', async (t) => {
  const line = new Line(1e9, 20);
  line.publish(250);
  line.next();
  line.pass(1_000_000);
  t.equal(line.meter.batchBytes, 64 * 1024);
  t.ok(line.now < 500, `${line.now} ms`);
});

t.test('a fast line that passes one batch at a time has larger ones, as long as they are full', async (t) => {
  const line = new Line(1e9, 2);
  for (let batch = 0; batch < 50; batch++) {
    line.publish(250);
    line.next();
  }
  t.equal(line.meter.batchBytes, 4 * 1024);
  for (let batch = 0; batch < 50; batch++) {
    line.publish(Math.round(0.9 * line.meter.batchBytes));
    line.next();
  }
  t.equal(line.meter.batchBytes, 64 * 1024);
});

t.test(
  'nothing under way has no deadline; a small packet has thirty seconds, a large one as the line needs',
  async (t) => {
    const line = new Line(1_000, 0);
    t.equal(line.meter.deadline, null);
    line.publish(100);
    t.equal(line.meter.deadline, 31_000);
    line.next();
    t.equal(line.meter.deadline, null);
    line.publish(20_000);
    t.ok(line.meter.deadline! - line.now >= 30_000 + 100_000, 'five times slower than measured is alive');
  },
);

t.test('what arrived shows that what was published before it arrived, too', async (t) => {
  const meter = new LineMeter(() => 0);
  meter.published(10);
  const second = meter.published(20);
  meter.published(30);
  second();
  second();
  t.equal(meter.report().bytesUnderWay, 30);
});
