/**
 * Runs a campaign: `npm run campaign -- NAME [options]`. Progress goes to standard error, the
 * report to standard output (`--json`: one document). Exit status 1 when a promise is broken, 2 on
 * wrong usage.
 */
import { parseArgs } from 'node:util';
import type { Campaign } from './port/campaign.ts';

const CAMPAIGNS: Readonly<Record<string, () => Promise<{ readonly campaign: Campaign }>>> = {
  kills: () => import('./kills/kills.ts'),
  fuzz: () => import('./fuzz/fuzz.ts'),
  corruption: () => import('./corruption/corruption.ts'),
  hostile: () => import('./hostile/hostile.ts'),
  lines: () => import('./lines/lines.ts'),
  'restore-drill': () => import('./restore-drill/restore-drill.ts'),
  'frozen-runner': () => import('./frozen-runner/frozen-runner.ts'),
};

const [name = '--help', ...args] = process.argv.slice(2);
if (name === '--help' || args.includes('--help')) {
  const known = Object.entries(CAMPAIGNS);
  const asked = known.filter(([one]) => one === name);
  for (const [one, load] of asked.length > 0 ? asked : known) {
    const { summary, examples, help = [] } = (await load()).campaign;
    console.log(`${one}: ${summary}`);
    for (const line of asked.length > 0 ? help : []) console.log(`  ${line}`);
    for (const example of examples) console.log(`    npm run campaign -- ${one} ${example}`);
  }
} else if (!Object.hasOwn(CAMPAIGNS, name)) {
  console.error(`there is no campaign ${name}: one of ${Object.keys(CAMPAIGNS).join(', ')}`);
  process.exitCode = 2;
} else {
  const { campaign } = await CAMPAIGNS[name]!();
  try {
    if (args.includes('--list') && campaign.list !== undefined) console.log(campaign.list().join('\n'));
    else {
      const { values } = parseArgs({ args, options: { ...campaign.options, json: { type: 'boolean' } } });
      process.exitCode = await report(campaign, values as Readonly<Record<string, string | boolean | undefined>>);
    }
  } catch (error) {
    const usage = error instanceof RangeError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
    console.error(usage ? (error as Error).message : error);
    process.exitCode = usage ? 2 : 1;
  }
}

async function report(
  campaign: Campaign,
  values: Readonly<Record<string, string | boolean | undefined>>,
): Promise<number> {
  const terminal = process.stderr.isTTY;
  let reported = -1;
  const { figures, faults, text } = await campaign.run(values, (done, total, text) => {
    const percent = Math.floor((done / total) * 100);
    if (terminal) process.stderr.write(`\r\x1b[K${percent} % ${text}`);
    else if (percent >= reported + 10) {
      reported = percent;
      process.stderr.write(`${percent} % ${text}\n`);
    }
  });
  if (terminal) process.stderr.write('\r\x1b[K');
  if (values.json === true) console.log(JSON.stringify({ figures, faults }));
  else {
    if (text !== undefined) console.log(text);
    else {
      for (const [what, value] of Object.entries(figures)) console.log(`${what}: ${value}`);
      for (const fault of faults) console.log(`FAULT: ${fault}`);
    }
    console.log(faults.length === 0 ? 'all promises held' : `${faults.length} faults`);
  }
  return faults.length === 0 ? 0 : 1;
}
