/** Whatever a collector answers: nothing throws, nothing is settled that it did not acknowledge, and an honest one gets everything later. */
import { mkdirSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import type { SqliteBuffer } from '../../../../agent/buffer/sqlite-buffer.ts';
import type { Settlement } from '../../../../agent/port/outbox.ts';
import { CollectorProtocol } from '../../../../agent/ship/collector-protocol.ts';
import { streamId } from '../../../../shared/ids.ts';
import { HOUR_MS } from '../../../../shared/time.ts';
import { decodeBatch } from '../../../../shared/wire/batch.ts';
import { pack } from '../../../../shared/wire/message-pack.ts';
import { type Ack, type AckEnvelope, decodeAcks } from '../../../../shared/wire/messages.ts';
import { NOW, parsed, sale, TERMINAL } from '../../../support/agent/events.ts';
import { FakeTimers } from '../../../support/agent/fake-timers.ts';
import { protocolOptions } from '../../../support/agent/protocol-options.ts';
import { scratchBuffer } from '../../../support/agent/temp-buffer.ts';

const odd = fc.oneof(
  fc.constantFrom(0, 1, -1, 0.5, Number.NaN, Infinity, 2 ** 53, '1', null, undefined, [], {}),
  fc.integer(),
);
const result = fc.constantFrom('stored', 'invalid', 'damaged', 'unsupported', 'busy', 'lost', '', null);
/** How an ack differs from the right one for a batch that was sent. */
const twist = fc.record(
  {
    stream: fc.oneof(fc.constant('till-2.0123456789abcdef'), odd),
    first: odd,
    last: odd,
    sum: odd,
    retryAfterMs: odd,
    reason: odd,
  },
  { requiredKeys: [] },
);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('ack' as const),
      which: fc.nat(20),
      result,
      twist: fc.option(twist),
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('envelope' as const),
      credit: odd,
      serverTime: odd,
      storeGen: odd,
      acks: odd,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(1, 1_000, 60_000, 900_000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('sale' as const), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('bytes' as const), bytes: fc.uint8Array({ maxLength: 60 }) }) },
);

const key = ({ stream, first, last, sum }: Pick<Ack, 'stream' | 'first' | 'last' | 'sum'>) =>
  `${stream} ${first} ${last} ${sum}`;

/** One session, with what it sent, what was acknowledged, and what it settled. */
class Talk {
  readonly sent: Pick<Ack, 'stream' | 'first' | 'last' | 'sum'>[] = [];
  readonly acknowledged = new Set<string>();
  readonly settled: Settlement[] = [];
  readonly timers: FakeTimers;
  readonly conversation: CollectorProtocol;
  cut: Error | null = null;

  constructor(buffer: SqliteBuffer, timers: FakeTimers, random: () => number) {
    this.timers = timers;
    const outbox = Object.assign(Object.create(buffer) as SqliteBuffer, {
      settle: (settlements: readonly Settlement[]) => {
        this.settled.push(...settlements);
        return buffer.settle(settlements);
      },
    });
    for (const name of [
      'pending',
      'pendingCount',
      'lastId',
      'firstPendingFrom',
      'losses',
      'greeted',
      'oldestPending',
      'holdings',
      'acknowledged',
    ] as const)
      Object.assign(outbox, {
        [name]: (...given: unknown[]) => (buffer[name] as (...given: unknown[]) => unknown)(...given),
      });
    this.conversation = new CollectorProtocol(protocolOptions(outbox, timers, random), {
      batch: (payload) => {
        const batch = decodeBatch(payload);
        if (!batch.ok) throw new Error('a batch that is none');
        const { epoch, firstSeq, count, bodyCrc } = batch.header;
        this.sent.push({
          stream: streamId(TERMINAL, epoch),
          first: firstSeq,
          last: firstSeq + count - 1,
          sum: bodyCrc,
        });
      },
      status: () => {},
      ping: () => {},
      abort: (reason) => {
        this.cut = reason;
        this.conversation.close();
      },
    });
  }

  /** As the shipper hands it over. */
  hear(payload: unknown): void {
    const bytes = payload instanceof Uint8Array ? payload : pack(payload);
    const envelope = decodeAcks(bytes);
    if (envelope === null) return;
    for (const ack of envelope.acks)
      if (ack.result === 'stored' || ack.result === 'invalid') this.acknowledged.add(key(ack));
    this.conversation.onAcks(envelope);
  }

  greet(): void {
    this.conversation.sendGreeting();
    this.hear(envelope());
  }
}

const envelope = (acks: readonly unknown[] = []): AckEnvelope =>
  ({ acks, credit: 1, serverTime: NOW, storeGen: 'gen-1' }) as unknown as AckEnvelope;
/** Of an honest collector. */
const ANSWERS_MS = 3_000;
const turn = () => new Promise((resolve) => setImmediate(resolve));

t.test('hostile and random acks', async (t) => {
  let run = 0;
  const folder = t.testdir();
  await t.resolves(
    fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 40 }),
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        async (steps, chances) => {
          const own = `${folder}/${run++}`;
          mkdirSync(own);
          const buffer = scratchBuffer(own).open();
          let sold = 0;
          const sell = (count: number) =>
            buffer.accept(
              Array.from({ length: count }, () => parsed(sale(`R-${sold++}`, { ts: NOW - (sold % 3) * HOUR_MS }))),
            );
          await sell(30);
          await buffer.settle([
            { kind: 'quarantined', epoch: buffer.holdings().open, firstSeq: 5, lastSeq: 6, reason: 'odd' },
          ]);
          const random = () => chances.next().value as number;
          const timers = new FakeTimers();
          let talk = new Talk(buffer, timers, random);
          buffer.onPending(() => talk.conversation.pump());
          buffer.onLoss(() => talk.conversation.lossesAdded());
          talk.greet();
          for (const step of steps) {
            await turn();
            switch (step.kind) {
              case 'ack': {
                const named = talk.sent.at(-1 - (step.which % Math.max(1, talk.sent.length)));
                const ack = { ...named, result: step.result, ...step.twist };
                for (let at = 0; at < step.times; at++) talk.hear({ ...envelope([ack]) });
                break;
              }
              case 'envelope': {
                const { kind: _, ...more } = step;
                talk.hear({ ...envelope(), ...more, acks: Array.isArray(step.acks) ? [step] : step.acks });
                break;
              }
              case 'time':
                timers.advance(step.ms);
                break;
              case 'sale':
                await sell(step.count);
                break;
              case 'bytes':
                talk.hear(step.bytes);
                break;
            }
          }
          await turn();
          await talk.conversation.settled;
          for (const settlement of talk.settled) {
            if (settlement.kind === 'loss-stored') continue;
            const { epoch, firstSeq, lastSeq } = settlement;
            const stream = streamId(TERMINAL, epoch);
            const named = talk.sent.some(
              (batch) =>
                batch.stream === stream &&
                batch.first === firstSeq &&
                batch.last === lastSeq &&
                talk.acknowledged.has(key(batch)),
            );
            if (!named) throw new Error(`settled without an ack: ${JSON.stringify(settlement)}`);
          }
          // An honest collector takes over, in this session if it lasts, else in the next: everything is drained within bounded time.
          for (let at = 0; at < 200 && (buffer.facts().pending > 0 || buffer.facts().losses.unsent > 0); at++) {
            if (talk.cut !== null || at === 100) {
              talk.conversation.close();
              await talk.conversation.settled;
              talk = new Talk(buffer, timers, random);
              talk.greet();
            }
            // It answers within seconds: in one jump over a minute what is sent on the way would go unanswered for too long.
            for (let left = at < 20 ? ANSWERS_MS : 60_000; left > 0; left -= ANSWERS_MS) {
              await turn();
              for (const batch of talk.sent.splice(0)) talk.hear(envelope([{ ...batch, result: 'stored' }]));
              await turn();
              timers.advance(ANSWERS_MS);
            }
          }
          const { pending, losses } = buffer.facts();
          talk.conversation.close();
          await talk.conversation.settled;
          buffer.close();
          if (pending > 0 || losses.unsent > 0) throw new Error(`stalled: ${JSON.stringify({ pending, losses })}`);
        },
      ),
      { numRuns: 60 },
    ),
  );
});
