/** Series as JSON text, piece by piece, so that no answer is held as objects. */
import type { Completeness } from '../figures/completeness.ts';
import type { Value } from '../figures/metric-catalog.ts';
import type { SeriesSet } from '../figures/series.ts';

const valueText = (value: Value): string => (typeof value === 'number' ? String(value) : JSON.stringify(value));

/** Characters between two yields. */
const YIELD_LENGTH = 4 * 1024;

/**
 * The array `series`.
 *
 * @param order the buckets to show, as points; null: a point without a bucket. Left out: all
 */
export function* seriesJson(
  { metrics, buckets, none, series }: SeriesSet,
  complete: Completeness,
  order: readonly (number | null)[] = [...buckets.labels.keys()],
): Iterable<string> {
  const names = metrics.map((name) => `,${JSON.stringify(name)}:`);
  const noneText = none.map(valueText);
  const statuses = complete.statusesOf(buckets);
  let text = '[';
  for (let of = 0; of < series.length; of++) {
    const { key, values } = series[of]!;
    text += `${of === 0 ? '' : ','}{"key":${JSON.stringify(key)},"points":[`;
    for (let place = 0; place < order.length; place++) {
      const index = order[place]!;
      if (place > 0) text += ',';
      if (index === null) {
        text += 'null';
        continue;
      }
      text += `{"t":"${buckets.labels[index]!}","status":"${statuses[index]!}"`;
      for (let at = 0; at < names.length; at++) {
        const value = values[index * names.length + at];
        text += names[at]! + (value === undefined ? noneText[at]! : valueText(value));
      }
      text += '}';
      if (text.length < YIELD_LENGTH) continue;
      yield text;
      text = '';
    }
    text += ']}';
  }
  yield `${text}]`;
}
