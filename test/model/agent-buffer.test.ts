/**
 * The buffer against a model of plain arrays: whatever is accepted, repeated, settled, quarantined, requeued, expired, evicted, offered again
 * and reopened, in whatever order and however much of it at once, what was accepted is pending, settled or in the ledger, under the identity
 * that was answered; and after each step each seq is accounted for.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { account } from '../../agent/buffer/integrity/seq-accounting.ts';
import type { BufferOptions } from '../../agent/buffer/options.ts';
import type { SqliteBuffer } from '../../agent/buffer/sqlite-buffer.ts';
import { readStats } from '../../agent/buffer/support/buffer-stats.ts';
import { openReadOnly } from '../../agent/buffer/support/open-read-only.ts';
import { openForRequeue, requeue } from '../../agent/buffer/support/requeue.ts';
import type { Accepted } from '../../agent/port/intake.ts';
import type { Epoch } from '../../shared/ids.ts';
import { HOUR_MS } from '../../shared/time.ts';
import { NOW, parsed, sale } from '../support/agent/events.ts';
import { scratchBuffer } from '../support/agent/temp-buffer.ts';

interface Known {
  readonly stream: string;
  readonly epoch: Epoch;
  readonly seq: number;
  /** Null: unknown by a ref, or no longer. */
  ref: string | null;
  readonly content: string;
  readonly hour: number;
  readonly at: number;
  /** Gone: acked, and no longer kept. Lost: given up, and only its record is left. */
  state: 'pending' | 'acked' | 'quarantined' | 'gone' | 'lost';
  /** When it took its state. */
  since: number;
}

const till = fc.record({
  /** Few refs, so that they come again. */
  ref: fc.option(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')),
  amount: fc.constantFrom(1, 2),
  /** Null: the time of acceptance. */
  hoursAgo: fc.option(fc.nat(3)),
});
type Input = typeof till extends fc.Arbitrary<infer T> ? T : never;
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
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('flood' as const), count: fc.integer({ min: 10, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('requeue' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('greet' as const), storeGen: fc.constantFrom('g', 'h') }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('tell losses' as const), count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), hours: fc.integer({ min: 1, max: 30 }) }) },
);

const ACKED_KEPT_HOURS = 10;
const RUNS = 50;
/** Room for some dozens of a flood's events. */
const SMALL_BYTES = 3 * 1024 * 1024;

t.test('the buffer agrees with its model', async (t) => {
  const directory = t.testdir();
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(action, { maxLength: 25, size: 'max' }), async (small, actions) => {
      const scratch = scratchBuffer(join(directory, `${run++}`));
      const options: Partial<BufferOptions> = small ? { maxBytes: SMALL_BYTES, whenFull: 'drop-oldest' } : {};
      const open = () => scratch.open({ keepAckedHours: ACKED_KEPT_HOURS, ...options });
      let buffer: SqliteBuffer = open();
      const events: Known[] = [];
      let conflicts = 0;
      let storeGen: string | null = null;

      const turn = (known: Known, state: Known['state']) => {
        known.state = state;
        known.since = scratch.clock;
      };

      /** What the model says of one request, which it stores. Of what was evicted, the answer tells. */
      const accept = (inputs: readonly Input[], answer: Accepted) => {
        const { open: epoch } = buffer.holdings();
        let seq = Math.max(0, ...events.filter((known) => known.epoch === epoch).map((known) => known.seq));
        const duplicates: { index: number; stream: string; seq: number }[] = [];
        const conflicting: { index: number; stream: string; seq: number }[] = [];
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
          const same = sameRef.findLast((known) => known.content === content);
          const forgotten =
            small && answer.kind === 'accepted' && !answer.duplicates.some((duplicate) => duplicate.index === index);
          if (same !== undefined && !forgotten) {
            duplicates.push({ index, stream: same.stream, seq: same.seq });
            continue;
          }
          const newest = sameRef.at(-1);
          if (newest !== undefined) {
            conflicting.push({ index, stream: newest.stream, seq: newest.seq });
            conflicts++;
          }
          events.push({
            stream: buffer.stream,
            epoch,
            seq: ++seq,
            ref: input.ref,
            content,
            hour: Math.floor(ts / HOUR_MS),
            at: scratch.clock,
            state: 'pending',
            since: scratch.clock,
          });
          accepted++;
        }
        duplicates.sort((a, b) => a.index - b.index);
        conflicting.sort((a, b) => a.index - b.index);
        const stored =
          accepted > 0 ? { firstSeq: seq - accepted + 1, lastSeq: seq } : { firstSeq: null, lastSeq: null };
        return { kind: 'accepted', accepted, stream: buffer.stream, ...stored, duplicates, conflicts: conflicting };
      };

      /** What made room: acked events, then quarantined ones, then the oldest pending ones, and none for nothing. */
      const evicted = () => {
        const facts = buffer.facts();
        const of = (state: Known['state']) => events.filter((known) => known.state === state);
        const acked = of('acked').sort((a, b) => a.since - b.since || events.indexOf(a) - events.indexOf(b));
        for (const known of acked.filter((known) => known !== events.at(-1)).slice(0, acked.length - facts.acked))
          turn(known, 'gone');
        const given = of('quarantined').sort((a, b) => a.since - b.since || events.indexOf(a) - events.indexOf(b));
        for (const known of given.slice(0, given.length - facts.quarantined)) turn(known, 'lost');
        const pending = of('pending');
        for (const known of pending.slice(0, pending.length - facts.pending)) {
          assert.deepEqual([of('acked').length, of('quarantined').length], [0, 0]);
          turn(known, 'lost');
          known.ref = null;
        }
      };

      const check = () => {
        const pending = events.filter(({ state }) => state === 'pending');
        const found = [...buffer.pending(0)].map(({ epoch, seq, hour, event }) => [epoch, seq, hour, event.ref]);
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
        const count = (...states: Known['state'][]) => events.filter(({ state }) => states.includes(state)).length;
        assert.equal(facts.acked, count('acked'));
        assert.ok(facts.losses.events >= count('quarantined', 'lost'));
        const reader = openReadOnly(scratch.path);
        assert.deepEqual(readStats(reader, scratch.path), facts);
        const accounts = account(reader);
        assert.ok(accounts.sound, JSON.stringify(accounts));
        const sum = (what: 'pending' | 'acked' | 'quarantined' | 'gone' | 'lost') =>
          accounts.epochs.reduce((all, epoch) => all + epoch[what], 0);
        assert.equal(sum('pending'), count('pending'));
        assert.equal(sum('acked'), count('acked'));
        assert.equal(sum('quarantined'), count('quarantined'));
        // Epochs of which nothing is left are forgotten.
        assert.ok(sum('gone') <= count('gone') && sum('lost') <= count('lost'));
        assert.equal(facts.losses.unsent, buffer.losses(1_000).length);
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
            const requests = small ? act.requests.slice(0, 1) : act.requests;
            const answers = await Promise.all(requests.map((inputs) => buffer.accept(inputs.map(parse))));
            assert.deepEqual(
              answers,
              requests.map((inputs, index) => accept(inputs, answers[index]!)),
            );
            if (small) evicted();
            break;
          }
          case 'flood': {
            const inputs = Array.from({ length: act.count }, (): Input => ({ ref: null, amount: 1, hoursAgo: null }));
            const large = parsed(sale('-', { ref: undefined, ts: undefined, attrs: 'x'.repeat(3_800) }), scratch.clock);
            const answer = await buffer.accept(inputs.map(() => large));
            assert.deepEqual(answer, accept(inputs, answer));
            if (small) evicted();
            break;
          }
          case 'requeue': {
            const support = openForRequeue(scratch.path);
            const given = events.filter(({ state }) => state === 'quarantined');
            assert.deepEqual(requeue(support, null, scratch.clock), {
              requeued: given.length,
              duplicates: 0,
              refused: [],
            });
            support.close();
            buffer.reloadIfChanged();
            for (const known of given) turn(known, 'pending');
            break;
          }
          case 'greet': {
            const restored = storeGen !== null && storeGen !== act.storeGen;
            storeGen = act.storeGen;
            await buffer.greeted({ storeGen, trueTimeOrigin: scratch.clock - performance.now(), uncertaintyMs: 5 });
            if (restored) for (const known of events) if (known.state === 'acked') turn(known, 'pending');
            break;
          }
          case 'tell losses': {
            const told = buffer.losses(act.count);
            await buffer.settle(told.map(({ id }) => ({ kind: 'loss-stored', id })));
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
                turn(known, act.quarantine ? 'quarantined' : 'acked');
            }
            break;
          }
          case 'reopen':
            buffer.close();
            buffer = open();
            break;
          case 'wait':
            scratch.clock += act.hours * HOUR_MS;
            while (buffer.expireStep()) {}
            for (const known of events) {
              const expired = known.since <= scratch.clock - ACKED_KEPT_HOURS * HOUR_MS && known !== events.at(-1);
              if (known.state === 'acked' && expired) turn(known, 'gone');
            }
            break;
        }
        check();
      }
      buffer.close();
      assert.deepEqual(scratch.damage, []);
      rmSync(join(scratch.path, '..'), { recursive: true });
    }),
    { numRuns: RUNS },
  );
  t.equal(run, RUNS);
});
