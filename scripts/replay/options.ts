/** Command line of `npm run replay`, and its help. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { TWO_WEEKS } from '../datasets/online-retail/extracts.ts';
import { ROOT } from '../processes/child.ts';

export const HELP = `Usage: npm run replay -- [FILE.csv.gz] [options]

Plays real transactions through tills, agents and a collector: the Online Retail data set, one event for each invoice, at
the times in the file (local time of Europe/London). Without FILE: the two weeks in test/data (2011-03-20 to 2011-04-03,
about 1,000 invoices; summer time begins in them). Starts its own collector and agents and stops them at the end; a
collector that runs already is used with --config. At the end the API's totals are compared with the file's.

Options:
  --speed N|max    times real time; max: as fast as the agents answer (default: max)
  --from DATE      first day, such as 2011-03-20 (Europe/London)
  --to DATE        the day after the last one
  --terminals N    tills beside each other, each with its own agent (default: 3)
  --batch N        maximum of events in one post, of those that are due (default: 1, as a till sends them)
  --merchant M     merchant; one used before continues there: what its agents know already counts as a duplicate
                   (default: a new one for each run)
  --store KIND     sqlite or hbase: of the collector that is started (default: sqlite); hbase needs Java, see npm run hbase
  --config FILE    configuration of a collector that runs already; its store must be within reach, to register the terminals
  --mqtt-url URL   where the agents reach that collector, if not where its configuration listens
  --http-url URL   where its API is, likewise
  --dir DIR        data, configuration and logs (default: .tillstream/replay)
  --no-check       ends when the agents have everything, without waiting for the figures
  --json           one JSON document on standard output, everything else on standard error

Examples:
  npm run replay
  npm run replay -- FILE.csv.gz --from 2011-03-20 --to 2011-04-04
  npm run replay -- FILE.csv.gz --speed 600 --terminals 8
  npm run replay -- FILE.csv.gz --config config/collector.yaml --merchant online-retail
`;

export interface ReplayOptions {
  readonly file: string;
  /** Times real time; Infinity for max. */
  readonly speed: number;
  readonly from?: string;
  readonly to?: string;
  readonly terminals: number;
  readonly batch: number;
  readonly merchant: string;
  readonly store: 'sqlite' | 'hbase';
  /** Configuration of a collector that runs already. */
  readonly config: string | null;
  readonly mqttUrl: string | null;
  readonly httpUrl: string | null;
  readonly dir: string;
  readonly check: boolean;
  readonly json: boolean;
}

/** Parses the command line. @returns the options, or an error message; null to show the help */
export function parseOptions(argv: readonly string[], now: Date): ReplayOptions | string | null {
  let given: ReturnType<typeof parse>;
  try {
    given = parse(argv);
  } catch (error) {
    return (error as Error).message;
  }
  const { values, positionals } = given;
  if (values.help) return null;
  const [file = TWO_WEEKS, ...rest] = positionals;
  if (rest.length > 0) return `unexpected ${rest.join(' ')}`;
  if (!existsSync(file)) return `${file}: no such file`;
  const speed = values.speed === 'max' ? Number.POSITIVE_INFINITY : Number(values.speed);
  if (!(speed > 0)) return '--speed must be a number above 0, or max';
  for (const name of ['from', 'to'] as const) {
    const date = values[name];
    if (date !== undefined && !isDate(date)) return `--${name} must be a date such as 2011-03-20`;
  }
  const terminals = Number(values.terminals);
  if (!Number.isInteger(terminals) || terminals < 1 || terminals > 64) return '--terminals must be 1 to 64';
  const batch = Number(values.batch);
  if (!Number.isInteger(batch) || batch < 1 || batch > 100) return '--batch must be 1 to 100';
  const merchant = values.merchant ?? `online-retail-${Math.floor(now.getTime() / 1000).toString(36)}`;
  if (!/^[a-z0-9][a-z0-9_-]{0,63}$/.test(merchant)) return '--merchant must match [a-z0-9][a-z0-9_-]{0,63}';
  const store = values.store;
  if (store !== 'sqlite' && store !== 'hbase') return '--store must be sqlite or hbase';
  if (values.config !== undefined && !existsSync(values.config)) return `${values.config}: no such file`;
  return {
    file,
    speed,
    ...(values.from === undefined ? {} : { from: values.from }),
    ...(values.to === undefined ? {} : { to: values.to }),
    terminals,
    batch,
    merchant,
    store,
    config: values.config ?? null,
    mqttUrl: values['mqtt-url'] ?? null,
    httpUrl: values['http-url'] ?? null,
    dir: path.resolve(values.dir ?? path.join(ROOT, '.tillstream/replay')),
    check: !values['no-check'],
    json: values.json,
  };
}

function isDate(text: string): boolean {
  try {
    return Temporal.PlainDate.from(text, { overflow: 'reject' }).toString() === text;
  } catch {
    return false;
  }
}

const parse = (argv: readonly string[]) =>
  parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      speed: { type: 'string', default: 'max' },
      from: { type: 'string' },
      to: { type: 'string' },
      terminals: { type: 'string', default: '3' },
      batch: { type: 'string', default: '1' },
      merchant: { type: 'string' },
      store: { type: 'string', default: 'sqlite' },
      config: { type: 'string' },
      'mqtt-url': { type: 'string' },
      'http-url': { type: 'string' },
      dir: { type: 'string' },
      'no-check': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
