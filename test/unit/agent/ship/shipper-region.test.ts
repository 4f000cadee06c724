/** A region's agents lose their collector together, and come back with a backlog each. */
import { mkdirSync } from 'node:fs';
import t from 'tap';
import { CollectorProtocol } from '../../../../agent/ship/collector-protocol.ts';
import { reconnectDelay } from '../../../../agent/ship/connection/backoff.ts';
import { streamId } from '../../../../shared/ids.ts';
import { HOUR_MS } from '../../../../shared/time.ts';
import { decodeBatch } from '../../../../shared/wire/batch.ts';
import type { Ack } from '../../../../shared/wire/messages.ts';
import { NOW, parsed, sale, TERMINAL } from '../../../support/agent/events.ts';
import { FakeTimers } from '../../../support/agent/fake-timers.ts';
import { protocolOptions } from '../../../support/agent/protocol-options.ts';
import { scratchBuffer } from '../../../support/agent/temp-buffer.ts';

const AGENTS = 200;

/** A small generator of its own, so that a failure comes again. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 0x7fffffff;
    return state / 0x7fffffff;
  };
}

/** The most that fall into any window of so long. */
function densest(times: readonly number[], windowMs: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return Math.max(...sorted.map((from) => sorted.filter((at) => at >= from && at < from + windowMs).length));
}

t.test('while nothing answers, the attempts of 200 agents spread ever wider', async (t) => {
  const random = dice(7);
  const rounds: number[][] = [];
  for (let agent = 0; agent < AGENTS; agent++) {
    for (let failures = 0, at = 0; failures < 10; failures++) {
      at += reconnectDelay(failures, 60_000, random);
      if (rounds[failures] === undefined) rounds.push([]);
      rounds[failures]!.push(at);
    }
  }
  const densities = rounds.map((times) => densest(times, 100));
  t.ok(densities[0]! <= 40, `${densities[0]} of ${AGENTS} within 100 ms at first`);
  t.ok(densities[4]! <= 10, `${densities[4]} in the fifth round`);
  t.ok(densities[9]! <= 5, `${densities[9]} in the tenth`);
  t.ok(Math.max(...rounds[0]!) <= 1_000, 'each tries again within a second');
});

/** A collector that takes so many batches a tick, gives less credit the more wait, and is busy beyond its room. */
class Region {
  readonly waiting: { readonly ack: Omit<Ack, 'result'>; readonly to: number; readonly bytes: number }[] = [];
  readonly #hear: (to: number, acks: Ack[], credit: number) => void;
  readonly #random: () => number;
  most = 0;
  busy = 0;

  constructor(hear: (to: number, acks: Ack[], credit: number) => void, random: () => number) {
    this.#hear = hear;
    this.#random = random;
  }

  credit(): number {
    return Math.max(0.25, Math.min(1, 2 * (1 - this.waiting.length / ROOM)));
  }

  take(to: number, payload: Uint8Array): void {
    const batch = decodeBatch(payload);
    if (!batch.ok) throw new Error('a batch that is none');
    const { epoch, firstSeq: first, count, bodyCrc: sum } = batch.header;
    const ack = { stream: streamId(TERMINAL, epoch), first, last: first + count - 1, sum };
    if (this.waiting.length >= ROOM) {
      this.busy++;
      const retryAfterMs = Math.round(500 * (0.5 + this.#random() / 2));
      queueMicrotask(() => this.#hear(to, [{ ...ack, result: 'busy', retryAfterMs }], this.credit()));
      return;
    }
    this.waiting.push({ ack, to, bytes: payload.length });
    this.most = Math.max(this.most, this.waiting.length);
  }

  tick(): void {
    for (const { ack, to } of this.waiting.splice(0, A_TICK))
      this.#hear(to, [{ ...ack, result: 'stored' }], this.credit());
  }
}
const ROOM = 100;
const TICK_MS = 20;
const A_TICK = 5;

t.test(
  '200 agents that come back at the same instant do not flood a collector with room for 100 batches',
  async (t) => {
    const random = dice(11);
    const timers = new FakeTimers();
    const folder = t.testdir();
    const starts: number[] = [];
    let sent = 0;
    const region = new Region(
      (to, acks, credit) =>
        agents[to]!.conversation.onAcks({ acks, credit, serverTime: NOW + timers.now(), storeGen: 'gen-1' }),
      random,
    );
    const agents = await Promise.all(
      Array.from({ length: AGENTS }, async (_, at) => {
        mkdirSync(`${folder}/${at}`);
        const buffer = scratchBuffer(`${folder}/${at}`).open();
        const hours = [3, 4, 5, 6, 7];
        await buffer.accept(
          hours.flatMap((hour) =>
            ['a', 'b'].map((ref) => parsed(sale(`${hour}-${ref}`, { ts: NOW - hour * HOUR_MS }))),
          ),
        );
        let began = false;
        const conversation = new CollectorProtocol(protocolOptions(buffer, timers, random), {
          batch: (payload) => {
            if (!began) starts.push(timers.now());
            began = true;
            sent++;
            region.take(at, payload);
          },
          status: () => {},
          ping: () => {},
          abort: (error) => t.fail(error.message),
        });
        return { buffer, conversation };
      }),
    );
    for (const { conversation } of agents) {
      conversation.sendGreeting();
      conversation.onAcks({ acks: [], credit: 1, serverTime: NOW, storeGen: 'gen-1' });
    }
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    for (let at = 0; at < 3_000 && agents.some(({ buffer }) => buffer.pendingCount(0, buffer.lastId()) > 0); at++) {
      await turn();
      timers.advance(TICK_MS);
      region.tick();
    }
    const first = densest(starts, 100);
    t.ok(first <= 25, `${first} of ${AGENTS} backlogs begin within the same 100 ms`);
    t.ok(region.busy <= sent / 4, `${region.busy} of ${sent} batches met a busy collector`);
    t.same(agents.filter(({ buffer }) => buffer.pendingCount(0, buffer.lastId()) > 0).length, 0, 'all are drained');
    t.comment(
      `${sent} batches, at most ${region.most} waiting, ${region.busy} met a busy collector, ${Math.round(timers.now())} ms; without any waste ${(AGENTS * 5 * TICK_MS) / A_TICK} ms`,
    );
    for (const { buffer, conversation } of agents) {
      conversation.close();
      await conversation.settled;
      buffer.close();
    }
  },
);
