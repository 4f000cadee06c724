/** Series as JSON text, point by point, so that no answer is held as objects. */
import type { Value } from '../figures/metric-catalog.ts';
import { type SeriesSet, statusAt } from '../figures/series.ts';

const valueText = (value: Value): string => (typeof value === 'number' ? String(value) : JSON.stringify(value));

/**
 * The array `series`.
 *
 * @param now milliseconds since 1970
 * @param order the buckets to show, as points; null: a point without a bucket. Left out: all
 */
export function* seriesJson(
  { metrics, buckets, none, series }: SeriesSet,
  now: number,
  order: readonly (number | null)[] = [...buckets.labels.keys()],
): Iterable<string> {
  const names = metrics.map((name) => `,${JSON.stringify(name)}:`);
  const noneText = none.map(valueText);
  let before = '[';
  for (const { key, values } of series) {
    yield `${before}{"key":${JSON.stringify(key)},"points":[`;
    before = ',';
    for (const [place, index] of order.entries()) {
      const comma = place === 0 ? '' : ',';
      if (index === null) {
        yield `${comma}null`;
        continue;
      }
      let text = `${comma}{"t":"${buckets.labels[index]!}","status":"${statusAt(buckets.ends[index]!, now)}"`;
      for (let at = 0; at < names.length; at++) {
        const value = values[index * names.length + at];
        text += names[at]! + (value === undefined ? noneText[at]! : valueText(value));
      }
      yield `${text}}`;
    }
    yield ']}';
  }
  yield ']';
}
