/** Reads counters from Prometheus' text format, and tells what was refused between two readings. */

/** Value by name and labels as they are printed: `tillstream_x_total{reason="y"}`. */
export type Counters = ReadonlyMap<string, number>;

export function readCounters(text: string): Counters {
  const counters = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, type, kind] = /^# TYPE (\S+) (\S+)/.exec(line) ?? [];
    if (type !== undefined && kind !== undefined) types.set(type, kind);
    const [, name, labels = '', value] = /^([a-z]\w*)(\{.*\})? (\S+)$/i.exec(line) ?? [];
    if (name === undefined) continue;
    const isCount = types.get(name) === 'counter' || types.get(name.replace(/_count$/, '')) === 'histogram';
    if (isCount && !name.endsWith('_bucket') && !name.endsWith('_sum')) counters.set(name + labels, Number(value));
  }
  return counters;
}

/** Outcomes of what was taken. */
const TAKEN = /^(accepted|stored|kept|made|covered|new|hour|day|batch|status|[123]\d\d)$/;
/** Counters that count refusals without naming a reason. */
const REFUSAL = /(^|_)(refused|rejected|dropped|limited|parked|suppressed|conflicts?|failures|evicted|shed)(_|$)/;
const REASONS = ['reason', 'outcome', 'result', 'status'];

/** How often each bound refused something, by its reason. */
export function refusals(before: Counters, after: Counters): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [series, value] of after) {
    const more = value - (before.get(series) ?? 0);
    const reason = more > 0 ? reasonOf(series) : null;
    if (reason !== null) found[reason] = (found[reason] ?? 0) + more;
  }
  return found;
}

/** Null: the series counts no refusal. */
function reasonOf(series: string): string | null {
  const [name = ''] = series.split('{');
  if (!name.startsWith('tillstream_')) return null;
  const labels = new Map([...series.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]) => [label, value]));
  const reason = REASONS.map((label) => labels.get(label)).find((value) => value !== undefined);
  if (reason !== undefined && TAKEN.test(reason)) return null;
  const what = name.replace(/^tillstream_/, '').replace(/_total$|_count$/, '');
  if (reason === undefined) return REFUSAL.test(what) ? what : null;
  return name.includes('http_request') ? `http ${reason}` : reason;
}

/** What the collector took, by what it is: batches stored, HTTP answers, connections let in. */
const ACCEPTED: Readonly<Record<string, RegExp>> = {
  batches: /^tillstream_ingest_batches_total\{.*result="stored"/,
  answers: /^tillstream_http_request_duration_seconds_count\{.*status="2\d\d"/,
  connects: /^tillstream_mqtt_connects_total\{.*outcome="accepted"/,
};

/** How much was taken between two readings, of everybody. */
export function accepted(before: Counters, after: Counters): Record<string, number> {
  const more = (series: RegExp): number =>
    [...after].reduce((sum, [name, value]) => (series.test(name) ? sum + value - (before.get(name) ?? 0) : sum), 0);
  return Object.fromEntries(Object.entries(ACCEPTED).map(([what, series]) => [what, more(series)]));
}

/** The sum of all series of a counter. */
export const sumOf = (counters: Counters, name: string): number =>
  [...counters].reduce((sum, [series, value]) => (series.split('{')[0] === name ? sum + value : sum), 0);
