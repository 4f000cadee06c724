/** Places for answers: any history keeps the bounds, and nobody waits for nothing. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { Admission, type AdmissionLimits, type Place } from '../../../../../collector/api/admission/admission.ts';
import type { Refusal } from '../../../../../collector/api/admission/metrics.ts';

const LIMITS: AdmissionLimits = {
  underWay: 4,
  underWayPerMerchant: 2,
  waiting: 6,
  waitingPerMerchant: 3,
  perAddress: 8,
  waitMs: 2_000,
};

function admission(limits: Partial<AdmissionLimits> = {}) {
  const refused: Refusal[] = [];
  let counts = { underWay: 0, waiting: 0 };
  const made = new Admission(
    { ...LIMITS, ...limits },
    {
      refused: (reason) => refused.push(reason),
      connections: () => undefined,
      answers: (underWay, waiting) => {
        counts = { underWay, waiting };
      },
    },
  );
  return { made, refused, counts: () => counts };
}

/** Whether an answer may begin. */
async function begun(place: Place): Promise<boolean> {
  let granted = false;
  place.granted.then(
    () => {
      granted = true;
    },
    () => undefined,
  );
  await new Promise(setImmediate);
  return granted;
}

t.test('merchants come in turn', async (t) => {
  const { made } = admission();
  const a = Array.from({ length: 5 }, () => made.enter('a', null));
  const b = Array.from({ length: 3 }, () => made.enter('b', null));
  t.strictSame(await Promise.all(a.map(begun)), [true, true, false, false, false]);
  t.strictSame(await Promise.all(b.map(begun)), [true, true, false]);
  const c = made.enter('c', null);
  t.notOk(await begun(c));
  a[0]!.leave();
  a[0]!.leave();
  t.ok(await begun(a[2]!), 'waited longest, and is below its bound');
  a[1]!.leave();
  t.strictSame(await Promise.all([begun(c), begun(a[3]!)]), [true, false], 'before a second one of a');
});

t.test('each bound refuses with 429, a reason and when to ask again', async (t) => {
  const { made, refused, counts } = admission();
  const ask = (merchant: string, address: string | null) => () => made.enter(merchant, address);
  for (let at = 0; at < 5; at++) made.enter('a', null);
  const problem = { status: 429, retryAfterS: 2, message: /ask again in a few seconds/ };
  t.throws(ask('a', null), problem);
  for (let at = 0; at < 5; at++) made.enter('b', null);
  t.strictSame(counts(), { underWay: 4, waiting: 6 });
  t.throws(ask('c', null), problem);
  t.strictSame(refused, ['answers-merchant', 'answers']);
  const other = admission();
  for (let at = 0; at < 8; at++) other.made.enter(`m${at}`, 'x');
  t.throws(() => other.made.enter('n', 'x'), problem);
  t.doesNotThrow(() => other.made.enter('n', 'y'));
  t.strictSame(other.refused, ['answers-address']);
});

t.test('who leaves while he waits is forgotten', async (t) => {
  const { made, counts } = admission({ perAddress: 3 });
  const [, , waiting] = [made.enter('a', 'x'), made.enter('a', 'x'), made.enter('a', 'x')];
  waiting.leave();
  await t.rejects(waiting.granted, { message: /given up/ });
  t.strictSame(counts(), { underWay: 2, waiting: 0 });
  t.doesNotThrow(() => made.enter('a', 'x'), 'nor does his address count him');
});

t.test('who has waited too long is told so', async (t) => {
  const { made, refused, counts } = admission({ waitMs: 5 });
  made.enter('a', null);
  made.enter('a', null);
  await t.rejects(made.enter('a', null).granted, { status: 429, message: /waited too long/ });
  t.strictSame(refused, ['answer-wait']);
  t.strictSame(counts(), { underWay: 2, waiting: 0 });
});

t.test('any history of coming and leaving', async (t) => {
  const step = fc.oneof(
    fc.record({ enter: fc.constantFrom('a', 'b', 'c', 'd', 'e'), from: fc.constantFrom('x', 'y', null) }),
    fc.record({ leave: fc.nat(20) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { made, counts } = admission();
      const places: { merchant: string; place: Place; granted: boolean }[] = [];
      for (const step of steps) {
        if ('enter' in step) {
          try {
            const place = made.enter(step.enter, step.from);
            const held = { merchant: step.enter, place, granted: false };
            place.granted.then(
              () => {
                held.granted = true;
              },
              () => undefined,
            );
            places.push(held);
          } catch {}
        } else if (places.length > 0) {
          const [left] = places.splice(step.leave % places.length, 1);
          left!.place.leave();
        }
        await Promise.resolve();
        const of = (merchant: string) => places.filter((held) => held.merchant === merchant);
        const running = places.filter(({ granted }) => granted);
        assert.deepEqual(counts(), { underWay: running.length, waiting: places.length - running.length });
        assert.ok(running.length <= LIMITS.underWay);
        for (const { merchant, granted } of places) {
          const under = of(merchant).filter((held) => held.granted).length;
          assert.ok(under <= LIMITS.underWayPerMerchant);
          const place = running.length < LIMITS.underWay && under < LIMITS.underWayPerMerchant;
          assert.ok(granted || !place, 'nobody waits while there is a place');
        }
      }
      for (const { place } of places) place.leave();
      for (let left = 2; left > 0; left--) for (const { place } of places) place.leave();
      assert.deepEqual(counts(), { underWay: 0, waiting: 0 });
    }),
    { numRuns: 200 },
  );
  t.pass('kept');
});
