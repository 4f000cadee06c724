/** `npm run simulate`: simulated tills that sell through running agents. */
import process from 'node:process';
import { Till } from '../clients/till.ts';
import { answers } from '../processes/http-probe.ts';
import { onInterrupt } from '../processes/interrupts.ts';
import { Shop } from './basket-generator.ts';
import { NetworkLink } from './network-link.ts';
import { HELP, parseOptions, type SimulateOptions } from './options.ts';
import { outages } from './outages.ts';
import { seeded } from './random.ts';
import { trade } from './till-loop.ts';

async function simulate(options: SimulateOptions, signal: AbortSignal): Promise<number> {
  const run = Date.now().toString(36);
  let sold = 0;
  const tills = options.agents.map((url, index) => {
    const random = seeded(options.seed + index);
    return {
      till: new Till(url, Math.random),
      shop: new Shop({
        currency: options.currency,
        timeZone: options.timeZone,
        refPrefix: `${run}-${index + 1}`,
        cashiers: ['c1', 'c2', 'c3'].map((name) => `${name}-${index + 1}`),
        random,
      }),
      perMinute: options.rate,
      random,
      now: Date.now,
      onSold: () => void sold++,
    };
  });
  for (const url of options.agents)
    if (!(await answers(`${url}/healthz`))) console.error(`no agent answers at ${url} yet: its till retries`);
  const link = options.cable === null ? null : await NetworkLink.open(options.cable.port, options.cable.target);
  const running: Promise<void>[] = tills.map((till) => trade(till, signal));
  if (link !== null) {
    const { outageEveryMs: everyMs, outageForMs: lastMs } = options;
    const onChange = (plugged: boolean) =>
      console.log(plugged ? 'the network link is connected again' : 'the network link is disconnected');
    running.push(outages({ link: link, everyMs, lastMs, random: Math.random, onChange }, signal));
  }
  try {
    await Promise.all(running);
  } finally {
    link?.close();
    await Promise.all(tills.map(({ till }) => till.close()));
  }
  return sold;
}

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  if (options === null) {
    console.log(HELP);
    return 0;
  }
  if (typeof options === 'string') {
    console.error(`${options}\n\n${HELP}`);
    return 2;
  }
  const stopping = new AbortController();
  const now = () => performance.now();
  const stop = onInterrupt({ source: process, first: () => stopping.abort(), again: () => process.exit(130), now });
  const timer = options.forMs === null ? undefined : setTimeout(() => stopping.abort(), options.forMs);
  try {
    console.log(`selling through ${options.agents.join(', ')}: ${options.rate} baskets a minute each`);
    console.log(`${await simulate(options, stopping.signal)} events sold`);
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  } finally {
    clearTimeout(timer);
    stop();
  }
}

process.exitCode = await main(process.argv.slice(2));
