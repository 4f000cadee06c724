/** Charts as SVG that stretches with the page. Their labels are HTML, which does not stretch. */
import { count, number } from '../terminal/format.ts';
import { html, type Markup } from './markup.ts';
import type { HistoryPoint } from './report.ts';

const WIDTH = 1000;
const HEIGHT = 100;
/** The shortest time axis: a young agent's history does not fill the width. */
const LEAST_MINUTES = 30;

/** 1, 2, 4, 6 or 8 times a power of ten, and even, so that its half is a whole number. */
export function niceMaximum(value: number): number {
  if (value <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(value));
  const nice = [1, 2, 4, 6, 8, 10].find((factor) => factor * power >= value)!;
  return nice * power;
}

const minutesWords = (minutes: number): string => {
  const whole = Math.round(minutes);
  if (whole < 1) return 'now';
  return whole < 120 ? `${whole} min ago` : `${Math.round(whole / 60)} h ago`;
};

interface Chart {
  readonly title: string;
  /** Singular noun of the counted things. */
  readonly unit: string;
  readonly value: (point: HistoryPoint) => number;
  readonly shape: 'area' | 'bars';
}

/** The chart's values as a table with a row per hour, for people who cannot see the chart. */
function hourTable({ title, unit, value, shape }: Chart, points: readonly HistoryPoint[]): Markup {
  const hours = new Map<number, number>();
  for (const point of points) {
    const hour = Math.floor(point.minutesAgo / 60);
    const before = hours.get(hour) ?? 0;
    hours.set(hour, shape === 'area' ? Math.max(before, value(point)) : before + value(point));
  }
  const rows = [...hours].sort(([a], [b]) => a - b);
  return html`<details><summary>As a table</summary><table class="figures"><caption class="unseen">${title}</caption><thead><tr><th scope="col">Hours ago</th><th scope="col">${unit}s${shape === 'area' ? ', at most' : ''}</th></tr></thead><tbody>${rows.map(
    ([hour, events]) => html`<tr><td>${hour} to ${hour + 1}</td><td>${number(events)}</td></tr>`,
  )}</tbody></table></details>`;
}

function shapes(
  { shape, value }: Chart,
  points: readonly HistoryPoint[],
  x: (at: number) => number,
  top: number,
): Markup {
  const y = (events: number): number => HEIGHT - (events / top) * HEIGHT;
  const round = (coordinate: number): string => coordinate.toFixed(1);
  if (shape === 'area') {
    const line = points.map((point, at) => `${at === 0 ? 'M' : 'L'}${round(x(at))} ${round(y(value(point)))}`).join('');
    return html`<path class="area" d="${line}L${round(x(points.length - 1))} ${HEIGHT}L${round(x(0))} ${HEIGHT}Z"/><path class="line" d="${line}"/>`;
  }
  const bars = points.slice(0, -1).map((point, at) => {
    const [left, right] = [x(at), x(at + 1)];
    const gap = Math.min(2, (right - left) * 0.2);
    return `M${round(left)} ${HEIGHT}V${round(y(value(point)))}H${round(right - gap)}V${HEIGHT}Z`;
  });
  return html`<path class="bars" d="${bars.join('')}"/>`;
}

export function chart(given: Chart, points: readonly HistoryPoint[]): Markup {
  const { title, unit, value } = given;
  const span = Math.max(LEAST_MINUTES, points[0]?.minutesAgo ?? 0);
  const x = (at: number): number => (1 - points[at]!.minutesAgo / span) * WIDTH;
  const most = Math.max(0, ...points.map(value));
  const top = niceMaximum(most);
  const spots = points.map((point, at) => {
    const [left, right] = [x(at), at + 1 < points.length ? x(at + 1) : WIDTH];
    return html`<rect class="spot" x="${left.toFixed(1)}" y="0" width="${Math.max(0.1, right - left).toFixed(1)}" height="${HEIGHT}"><title>${minutesWords(point.minutesAgo)}: ${count(value(point), unit)}</title></rect>`;
  });
  const summary = `${title} over the last ${span < 120 ? `${Math.round(span)} minutes` : `${Math.round(span / 60)} hours`}: at most ${count(most, unit)}.`;
  const drawn =
    points.length < 2
      ? html`<p class="faint">No data yet: the chart starts after one minute.</p>`
      : html`<div class="plot"><div class="scale" aria-hidden="true"><span>${number(top)}</span><span>${number(top / 2)}</span><span>0</span></div><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${summary}"><path class="grid" d="M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}"/>${shapes(given, points, x, top)}${spots}</svg><div class="times" aria-hidden="true"><span>${minutesWords(span)}</span><span>${minutesWords(span / 2)}</span><span>now</span></div></div>${hourTable(given, points)}`;
  return html`<figure><figcaption>${title}</figcaption>${drawn}</figure>`;
}
