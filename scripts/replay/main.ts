/** `npm run replay`: real transactions through real tills, agents and a collector. */
import { mkdirSync } from 'node:fs';
import process from 'node:process';
import { MerchantApi } from '../clients/merchant-api.ts';
import { Till } from '../clients/till.ts';
import { readTrade } from '../datasets/online-retail/read-transactions.ts';
import { FolderLock } from '../processes/folder-lock.ts';
import { onInterrupt } from '../processes/interrupts.ts';
import { until } from '../processes/wait-until.ts';
import { setStage } from './environment.ts';
import { HELP, parseOptions, type ReplayOptions } from './options.ts';
import { play } from './player.ts';
import { Progress } from './progress.ts';
import { describe, type Report } from './report.ts';
import { differences, type FileTotals, totalsInApi, totalsOf } from './totals.ts';

/** The replay ends with an error when no further event became visible for this long. */
const STALLED_MS = 300_000;

const now = (): number => performance.now();
const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv, new Date());
  if (options === null) {
    process.stdout.write(HELP);
    return 0;
  }
  if (typeof options === 'string') {
    say(`${options}\n\n${HELP}`);
    return 2;
  }
  mkdirSync(options.dir, { recursive: true });
  using lock = FolderLock.take(options.dir);
  if (lock === null) {
    say(`another replay works in ${options.dir}: wait for it, or choose another folder with --dir`);
    return 1;
  }
  const stopping = new AbortController();
  const stop = onInterrupt({
    source: process,
    first: () => stopping.abort(new Error('stopped: the events sent so far are kept')),
    again: () => process.exit(130),
    now,
  });
  try {
    const report = await replay(options, stopping.signal);
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    else process.stdout.write(describe(report));
    return report.differences.length === 0 ? 0 : 1;
  } catch (error) {
    say((error as Error).message);
    return 1;
  } finally {
    stop();
  }
}

async function replay(options: ReplayOptions, signal: AbortSignal): Promise<Report> {
  const file = await totalsOf(readTrade(options.file, options));
  if (file.range === null) throw new Error(`${options.file}: no invoice in that range of days`);
  say(`${file.totals['events.count']} invoices; merchant ${options.merchant}; data and logs in ${options.dir}`);
  const stage = await setStage(options, Date.now(), say);
  const tills = stage.agents.map((agent) => new Till(agent.url, Math.random));
  try {
    const progress = new Progress(process.stderr, file.totals['events.count'], now);
    const start = now();
    const tally = await play(readTrade(options.file, options), tills, {
      ...options,
      now,
      signal,
      onProgress: (soFar) => progress.update(soFar),
    }).finally(() => progress.end());
    const sent = now();
    const api = new MerchantApi(stage.apiUrl, options.merchant, stage.key);
    if (options.check) {
      say('sent; waiting until the API shows all of it');
      await untilVisible(api, file, signal);
    }
    const seen = now();
    return {
      merchant: options.merchant,
      ...tally,
      seconds: (sent - start) / 1000,
      eventsPerSecond: (tally.sent * 1000) / (sent - start),
      secondsUntilVisible: options.check ? (seen - sent) / 1000 : null,
      file: file.totals,
      differences: options.check ? differences(file.totals, await totalsInApi(api, file.range)) : [],
      checked: options.check,
    };
  } finally {
    await Promise.all(tills.map((till) => till.close()));
    await stage.stop();
  }
}

/**
 * Waits until the API shows as many events as the file has.
 *
 * @throws Error when their number no longer grows
 */
async function untilVisible(api: MerchantApi, { totals, range }: FileTotals, signal: AbortSignal): Promise<void> {
  for (let before = -1; ; ) {
    const count = await until(
      async () => {
        const shown = (await totalsInApi(api, range!))['events.count'];
        return shown >= totals['events.count'] || shown > before ? { shown } : null;
      },
      { what: 'the API to show further events', deadlineMs: STALLED_MS, everyMs: 100, signal },
    );
    if (count.shown >= totals['events.count']) return;
    before = count.shown;
  }
}

process.exitCode = await main(process.argv.slice(2));
