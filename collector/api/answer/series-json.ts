/** Series as JSON text, point by point, so that no answer is held as objects. */
import type { Value } from '../figures/metric-catalog.ts';
import { type SeriesSet, statusAt } from '../figures/series.ts';

const valueText = (value: Value): string => (typeof value === 'number' ? String(value) : JSON.stringify(value));

/**
 * The array `series`.
 *
 * @param now milliseconds since 1970
 */
export function* seriesJson({ metrics, buckets, none, series }: SeriesSet, now: number): Iterable<string> {
  const names = metrics.map((name) => `,${JSON.stringify(name)}:`);
  const noneText = none.map(valueText);
  let before = '[';
  for (const { key, values } of series) {
    yield `${before}{"key":${JSON.stringify(key)},"points":[`;
    before = ',';
    for (let index = 0; index < buckets.length; index++) {
      let text = `${index === 0 ? '' : ','}{"t":"${buckets.labels[index]!}","status":"${statusAt(buckets.ends[index]!, now)}"`;
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
