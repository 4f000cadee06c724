/** The campaign's report: one line for each attack, and what it broke. */
import type { Summary } from './honest/latencies.ts';
import type { HonestReport } from './honest/users.ts';
import type { Idle, Measured } from './judge.ts';

export interface Result {
  readonly name: string;
  readonly idle: Idle;
  readonly measured: Measured;
  /** Empty: the collector stood it. */
  readonly faults: readonly string[];
}

const HEADINGS = [
  'attack',
  'sent/s',
  'ack p50/p99/max',
  'connect',
  'question',
  'livez',
  'late',
  'RSS',
  'log',
  'store',
  'verdict',
];
const SHOWN_COUNTS = 4;

/**
 * Times are milliseconds: p50/p99/max. `late`: how late the measuring thread was itself, and how
 * long the collector waited for a CPU, p99.
 */
export function resultTable(results: readonly Result[]): string {
  const [first] = results;
  const rows = results.map(rowOf);
  const lines = [HEADINGS, ...(first === undefined ? [] : [idleRow(first.idle)]), ...rows];
  const widths = HEADINGS.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)));
  const aligned = lines.map((line) =>
    line
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join('  ')
      .trimEnd(),
  );
  const details = results.flatMap(({ name, measured: { accepted, refused }, faults }) => [
    ...(Object.keys(accepted).length === 0 ? [] : [`  ${name}: took ${countsText(accepted)}`]),
    ...(Object.keys(refused).length === 0 ? [] : [`  ${name}: refused ${countsText(refused)}`]),
    ...faults.map((fault) => `  ${name}: BROKEN: ${fault}`),
  ]);
  return [...aligned, '', ...details].join('\n');
}

function idleRow({ honest, rssMib }: Idle): string[] {
  return ['(idle)', '', ...waitsOf(honest), round(honest.lateMs), round(rssMib), '', '', ''];
}

function rowOf({ name, measured, faults }: Result): string[] {
  const { attack, honest, ending, starvedMs, peakRssMib, logBytes, storeMib } = measured;
  const verdict = faults.length === 0 ? 'held' : ending === null ? 'BROKEN' : 'BROKEN, ended';
  return [
    name,
    size(attack.sentBytes / Math.max(attack.seconds, 0.001)),
    ...waitsOf(honest),
    `${round(honest.lateMs)}+${round(starvedMs)}`,
    round(peakRssMib),
    size(logBytes),
    size(storeMib * 2 ** 20),
    verdict,
  ];
}

const countsText = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .slice(0, SHOWN_COUNTS)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(', ');

const round = (value: number): string => String(Math.round(value));

const waitsOf = ({ ack, connect, question, livez }: HonestReport): string[] =>
  [ack, connect, question, livez].map(times);

const times = ({ p50, p99, max, failures }: Summary): string =>
  `${[p50, p99, max].map((value) => (value === null ? '-' : round(value))).join('/')}${failures > 0 ? ` !${failures}` : ''}`;

function size(bytes: number): string {
  if (bytes < 1_024) return `${round(bytes)} B`;
  return bytes < 2 ** 20 ? `${round(bytes / 1_024)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
