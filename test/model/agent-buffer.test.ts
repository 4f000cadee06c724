/**
 * The buffer against a model of plain arrays: whatever is accepted, repeated, settled, expired and reopened, in whatever order and however
 * much of it at once, what was accepted is pending or settled, exactly once, under the identity that was answered.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { openForReading } from '../../agent/buffer/connection.ts';
import { readFacts } from '../../agent/buffer/facts.ts';
import type { SqliteBuffer } from '../../agent/buffer/sqlite-buffer.ts';
import type { Epoch } from '../../shared/ids.ts';
import { HOUR_MS } from '../../shared/time.ts';
import { scratchBuffer } from '../unit/agent/buffer/scratch-buffer.ts';
import { NOW, parsed, sale } from '../unit/agent/events.ts';

interface Known {
  readonly stream: string;
  readonly epoch: Epoch;
  readonly seq: number;
  readonly ref: string | null;
  readonly content: string;
  readonly hour: number;
  readonly at: number;
  state: 'pending' | 'acked' | 'quarantined';
}

const till = fc.record({
  /** Few refs, so that they come again. */
  ref: fc.option(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')),
  amount: fc.constantFrom(1, 2),
  /** Null: the time of acceptance. */
  hoursAgo: fc.option(fc.nat(3)),
});
const request = fc.array(till, { minLength: 1, maxLength: 6 });
const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('accept' as const),
      requests: fc.array(request, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      first: fc.nat(40),
      length: fc.integer({ min: 1, max: 6 }),
      quarantine: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), hours: fc.integer({ min: 1, max: 30 }) }) },
);

const ACKED_KEPT_HOURS = 10;

t.test('the buffer agrees with its model', async (t) => {
  const directory = t.testdir();
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
      const scratch = scratchBuffer(join(directory, `${run++}`));
      const open = () => scratch.open({ keepAckedHours: ACKED_KEPT_HOURS });
      let buffer: SqliteBuffer = open();
      const events: Known[] = [];
      let conflicts = 0;

      /** What the model says of one request, which it stores. */
      const accept = (inputs: readonly (typeof till extends fc.Arbitrary<infer T> ? T : never)[]) => {
        const { open: epoch } = buffer.holdings();
        let seq = Math.max(0, ...events.filter((known) => known.epoch === epoch).map((known) => known.seq));
        const duplicates: { index: number; stream: string; seq: number }[] = [];
        const order = inputs.map((input, index) => ({
          input,
          index,
          ts: input.hoursAgo === null ? scratch.clock : NOW - input.hoursAgo * HOUR_MS,
        }));
        order.sort((a, b) => Math.floor(a.ts / HOUR_MS) - Math.floor(b.ts / HOUR_MS));
        let accepted = 0;
        for (const { input, index, ts } of order) {
          const content = JSON.stringify([input.amount, input.hoursAgo]);
          const sameRef = events.filter(
            (known) => input.ref !== null && known.ref === input.ref && known.at > scratch.clock - 24 * HOUR_MS,
          );
          const same = sameRef.find((known) => known.content === content);
          if (same !== undefined) {
            duplicates.push({ index, stream: same.stream, seq: same.seq });
            continue;
          }
          if (sameRef.length > 0) conflicts++;
          events.push({
            stream: buffer.stream,
            epoch,
            seq: ++seq,
            ref: input.ref,
            content,
            hour: Math.floor(ts / HOUR_MS),
            at: scratch.clock,
            state: 'pending',
          });
          accepted++;
        }
        duplicates.sort((a, b) => a.index - b.index);
        const stored =
          accepted > 0 ? { firstSeq: seq - accepted + 1, lastSeq: seq } : { firstSeq: null, lastSeq: null };
        return { kind: 'accepted', accepted, stream: buffer.stream, ...stored, duplicates };
      };

      const check = () => {
        const pending = events.filter(({ state }) => state === 'pending');
        const found = buffer.pending(0, 1e6, 1e9).map(({ epoch, seq, hour, event }) => [epoch, seq, hour, event.ref]);
        assert.deepEqual(
          found,
          pending.map(({ epoch, seq, hour, ref }) => [epoch, seq, hour, ref]),
        );
        assert.equal(
          buffer.oldestPending(),
          pending.length === 0 ? null : Math.min(...pending.map(({ hour }) => hour)) * HOUR_MS,
        );
        const facts = buffer.facts();
        assert.equal(facts.pending, pending.length);
        assert.equal(facts.quarantined, events.filter(({ state }) => state === 'quarantined').length);
        assert.equal(facts.refConflicts, conflicts);
        const ranges = facts.epochs.flatMap(({ epoch, pending }) =>
          pending.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, at) => [epoch, first + at])),
        );
        assert.deepEqual(
          ranges,
          pending.map(({ epoch, seq }) => [epoch, seq]),
        );
        const reader = openForReading(scratch.path);
        assert.deepEqual(readFacts(reader, scratch.path), facts);
        reader.close();
      };

      for (const act of actions) {
        switch (act.kind) {
          case 'accept': {
            const parse = (input: (typeof act.requests)[number][number]) =>
              parsed(
                sale(input.ref ?? '-', {
                  amount: input.amount,
                  ref: input.ref ?? undefined,
                  ts: input.hoursAgo === null ? undefined : NOW - input.hoursAgo * HOUR_MS,
                }),
                scratch.clock,
              );
            const answers = await Promise.all(act.requests.map((inputs) => buffer.accept(inputs.map(parse))));
            assert.deepEqual(answers, act.requests.map(accept));
            break;
          }
          case 'settle': {
            const chosen = events.slice(act.first, act.first + act.length);
            const epoch = chosen[0]?.epoch;
            if (epoch === undefined) break;
            const seqs = chosen.filter((known) => known.epoch === epoch).map(({ seq }) => seq);
            const range = { epoch, firstSeq: Math.min(...seqs), lastSeq: Math.max(...seqs) };
            await buffer.settle([
              act.quarantine ? { kind: 'quarantined', ...range, reason: 'odd' } : { kind: 'stored', ...range },
            ]);
            for (const known of chosen) {
              if (known.epoch === epoch && known.state === 'pending')
                known.state = act.quarantine ? 'quarantined' : 'acked';
            }
            break;
          }
          case 'reopen':
            buffer.close();
            buffer = open();
            break;
          case 'wait':
            scratch.clock += act.hours * HOUR_MS;
            while (buffer.expire()) {}
            break;
        }
        check();
      }
      buffer.close();
      assert.deepEqual(scratch.damage, []);
      rmSync(join(scratch.path, '..'), { recursive: true });
    }),
    { numRuns: 60 },
  );
  t.equal(run, 60);
});
