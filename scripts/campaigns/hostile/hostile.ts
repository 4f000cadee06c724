/**
 * Hostile campaign: one hostile till, one bad key, one stranger, beside honest users who must not
 * notice.
 *
 * The collector is a process of its own. The judge knows what it acknowledged to an honest till
 * (MQTT), asks as a merchant and as a probe do (HTTP), and watches the process's memory and log. It
 * shares no code with the collector's fold.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { StoreConfig } from '../../../collector/config/collector-config.ts';
import { onInterrupt } from '../../processes/interrupts.ts';
import { type Campaign, type Given, wholeNumber } from '../port/campaign.ts';
import type { Attack } from './attacks/attack.ts';
import { ATTACKS } from './attacks/catalogue.ts';
import { BOUNDS } from './judge.ts';
import { type Result, resultTable } from './result-table.ts';
import { runAttacks } from './run-attacks.ts';

const SECONDS = 20;
/** Another address than the honest users have: what is bounded by address does not meet them. */
const ELSEWHERE = process.platform === 'linux' ? '127.0.0.2' : '127.0.0.1';

/** @throws RangeError */
function chosen({ only }: Given): readonly Attack[] {
  if (typeof only !== 'string') return ATTACKS;
  return only.split(',').map((name) => {
    const attack = ATTACKS.find((one) => one.name === name.trim());
    if (attack === undefined) throw new RangeError(`--only: there is no attack ${name}; --list shows them`);
    return attack;
  });
}

/** @throws RangeError */
function storeOf({ hbase }: Given): (region: number) => StoreConfig | null {
  if (typeof hbase !== 'string') return () => null;
  const [, host, port] = /^(.+):(\d+)$/.exec(hbase) ?? [];
  if (host === undefined) throw new RangeError('--hbase takes HOST:PORT of a Thrift2 gateway: see npm run hbase');
  const run = Date.now().toString(36);
  return (region) => ({
    kind: 'hbase',
    host,
    port: Number(port),
    connections: 4,
    namespace: `hostile_${run}_${region}`,
  });
}

const figuresOf = (results: readonly Result[]): Record<string, unknown> => ({
  attacks: results.length,
  held: results.filter(({ faults }) => faults.length === 0).length,
  results,
});

export const campaign: Campaign = {
  summary: 'one hostile till, one bad key, one stranger; nobody honest may notice',
  examples: ['', '--list', '--only item-bomb-repeated,pingreq-flood --seconds 5', '--hbase 127.0.0.1:9090 --json'],
  options: {
    only: { type: 'string' },
    seconds: { type: 'string' },
    hbase: { type: 'string' },
    from: { type: 'string' },
  },
  help: [
    '--only LIST      these attacks, separated by commas; default: all of them, see --list',
    `--seconds N      of each attack (${SECONDS}); those that need a roll-up take a minute more`,
    "--hbase HOST:PORT  HBase's Thrift2 gateway (npm run hbase -- start); default: SQLite",
    `--from ADDRESS   where the attacks come from (${ELSEWHERE}); 127.0.0.1: the honest users' own address`,
  ],
  list: () => ATTACKS.map(({ name, exploits }) => `${name}: ${exploits}`),
  async run(given, progress) {
    const attacks = chosen(given);
    const interrupted = new AbortController();
    const options = {
      attacks,
      seconds: wholeNumber(given, 'seconds', SECONDS),
      storeOf: storeOf(given),
      from: typeof given.from === 'string' ? given.from : ELSEWHERE,
      bounds: BOUNDS,
      signal: interrupted.signal,
    };
    const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-hostile-'));
    const forget = onInterrupt({
      source: process,
      first: () => interrupted.abort(),
      again: () => process.exit(130),
      now: () => performance.now(),
    });
    try {
      const results = await runAttacks({ ...options, folder }, progress);
      const faults = results.flatMap(({ name, faults }) => faults.map((fault) => `${name}: ${fault}`));
      const notes = [resultTable(results)];
      if (interrupted.signal.aborted) {
        const fault = `interrupted after ${results.length} of ${attacks.length} attacks`;
        faults.push(fault);
        notes.push(fault);
      }
      if (faults.length === 0) rmSync(folder, { recursive: true });
      else notes.push(`stores and logs: ${folder}`);
      const figures = { ...figuresOf(results), ...(faults.length > 0 ? { folder } : {}) };
      return { figures, faults, text: notes.join('\n') };
    } finally {
      forget();
    }
  },
};
