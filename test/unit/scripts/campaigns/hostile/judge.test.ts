/** The verdicts of the campaign `hostile`. */
import t from 'tap';
import { BOUNDS, type Idle, judge, type Measured } from '../../../../../scripts/campaigns/hostile/judge.ts';
import {
  accepted,
  readCounters,
  refusals,
  sumOf,
} from '../../../../../scripts/campaigns/hostile/prometheus-counters.ts';
import { resultTable } from '../../../../../scripts/campaigns/hostile/result-table.ts';

const summary = (p99: number) => ({ count: 25, failures: 0, p50: 2, p99, max: p99 });
const honest = (p99: number) => ({
  ack: summary(p99),
  connect: summary(p99),
  question: summary(p99),
  livez: summary(p99),
  endings: 0,
  lateMs: 0,
});
const IDLE: Idle = { honest: honest(4), rssMib: 150 };
const HELD: Measured = {
  attack: { sentBytes: 1_000, connections: 3, seconds: 5, broken: [], failure: null },
  honest: honest(90),
  ending: null,
  starvedMs: 0,
  peakRssMib: 349,
  logBytes: 1_000,
  storeMib: 1,
  maxStoreMib: Number.POSITIVE_INFINITY,
  seconds: 6,
  accepted: {},
  refused: {},
  endingsCounted: 3,
  connections: 9,
  figuresFault: null,
};

t.test('an attack that stays within all bounds is held', async (t) => {
  t.strictSame(judge(IDLE, HELD, BOUNDS), []);
});

t.test('twice an idle value above 50 ms is allowed', async (t) => {
  const slow = { ...IDLE, honest: honest(80) };
  t.strictSame(judge(slow, { ...HELD, honest: honest(160) }, BOUNDS), []);
  t.equal(judge(slow, { ...HELD, honest: honest(161) }, BOUNDS).length, 4);
});

t.test('what the machine delays, of the judge or of the collector, is allowed on top', async (t) => {
  const late = { ...HELD, honest: { ...honest(130), lateMs: 20 } };
  t.strictSame(judge(IDLE, { ...late, starvedMs: 10 }, BOUNDS), []);
  t.equal(judge(IDLE, { ...late, starvedMs: 9 }, BOUNDS).length, 4);
});

t.test('each promise that is broken is a sentence', async (t) => {
  const broken: [Partial<Measured>, RegExp][] = [
    [{ ending: 'the collector ended with SIGABRT' }, /SIGABRT/],
    [{ attack: { ...HELD.attack, failure: 'no such attack' } }, /the attack failed: no such attack/],
    [{ attack: { ...HELD.attack, connections: 0 } }, /opened no connection/],
    [{ attack: { ...HELD.attack, broken: ['a figure changed'] } }, /a figure changed/],
    [{ honest: { ...HELD.honest, ack: summary(101) } }, /honest ack: p99 101 ms, at most 100 ms/],
    [{ honest: { ...HELD.honest, livez: { ...summary(2), failures: 1 } } }, /livez: 1 of 25 refused/],
    [{ honest: { ...HELD.honest, question: { ...summary(2), count: 0 } } }, /no honest question was measured/],
    [{ honest: { ...HELD.honest, endings: 1 } }, /session was ended 1 times/],
    [{ peakRssMib: 351 }, /memory rose from 150 MiB to 351 MiB/],
    [{ logBytes: 1_000_000 }, /were logged/],
    [{ storeMib: 17, maxStoreMib: 16 }, /the store grew by 17 MiB/],
    [{ endingsCounted: 98_309 }, /98309 endings were counted of 9 connections/],
    [{ figuresFault: 'one is missing' }, /not whole: one is missing/],
  ];
  for (const [change, sentence] of broken) {
    const faults = judge(IDLE, { ...HELD, ...change }, BOUNDS);
    t.equal(faults.length, 1, String(sentence));
    t.match(faults[0], sentence);
  }
});

t.test('what was taken and refused is read from counters, by its reason', async (t) => {
  const text = (busy: number, ended: number) => `
# TYPE tillstream_ingest_batches_total counter
tillstream_ingest_batches_total{result="stored",region="local"} ${10 * busy}
tillstream_ingest_batches_total{result="busy",region="local"} ${busy}
# TYPE tillstream_mqtt_ended_total counter
tillstream_mqtt_ended_total{reason="limit",region="local"} ${ended}
# TYPE tillstream_rollup_published_total counter
tillstream_rollup_published_total{level="hour",region="local"} ${busy}
# TYPE tillstream_http_request_duration_seconds histogram
tillstream_http_request_duration_seconds_bucket{le="0.1",route="/livez",status="429"} ${ended}
tillstream_http_request_duration_seconds_sum{route="/livez",status="429"} 0.5
tillstream_http_request_duration_seconds_count{route="/livez",status="429"} ${ended}
tillstream_http_request_duration_seconds_count{route="/livez",status="200"} ${busy}
# TYPE tillstream_ingest_held_bytes gauge
tillstream_ingest_held_bytes{reason="x"} ${busy}
`;
  const [before, after] = [readCounters(text(1, 2)), readCounters(text(4, 9))];
  t.strictSame(refusals(before, after), { busy: 3, limit: 7, 'http 429': 7 });
  t.strictSame(accepted(before, after), { batches: 30, answers: 3, connects: 0 });
  t.equal(sumOf(after, 'tillstream_mqtt_ended_total'), 9);
});

t.test('the report has a line for each attack, what was taken and refused, and what was broken', async (t) => {
  const measured = { ...HELD, accepted: { batches: 3 }, refused: { busy: 70, limit: 2 }, starvedMs: 5 };
  const broken = { ...HELD, ending: 'the collector ended with SIGABRT' };
  const table = resultTable([
    { name: 'one', idle: IDLE, measured, faults: [] },
    { name: 'two', idle: IDLE, measured: broken, faults: ['the collector ended with SIGABRT'] },
  ]);
  const lines = table.split('\n').map((line) => line.replaceAll(/ +/g, ' ').trim());
  t.match(lines[1], /^\(idle\) 2\/4\/4 .* 150$/);
  t.match(lines[2], /^one 200 B 2\/90\/90 2\/90\/90 2\/90\/90 2\/90\/90 0\+5 349 1000 B 1.0 MiB held$/);
  t.match(lines[3], /^two .* BROKEN, ended$/);
  t.strictSame(lines.slice(5), [
    'one: took batches 3',
    'one: refused busy 70, limit 2',
    'two: BROKEN: the collector ended with SIGABRT',
  ]);
});
