/** `npm start`: the quickstart. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { FolderLock } from '../processes/folder-lock.ts';
import { onInterrupt } from '../processes/interrupts.ts';
import { portsInUse } from '../processes/ports.ts';
import { curlCommands } from './curl-commands.ts';
import { MERCHANT, TILLS } from './demo-tills.ts';
import { HELP, parseOptions, portsOf, type StartOptions } from './options.ts';
import { Quickstart } from './quickstart.ts';
import type { State } from './state-file.ts';

const say = (line: string): void => console.log(line);
const complain = (line: string): void => console.error(line);

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  if (options === null) {
    say(HELP);
    return 0;
  }
  if (typeof options === 'string') {
    complain(`${options}\n\n${HELP}`);
    return 2;
  }
  mkdirSync(options.dir, { recursive: true });
  using lock = FolderLock.take(options.dir);
  if (lock === null) {
    complain(`another npm start works in ${options.dir}: stop it, or choose another folder with --dir`);
    return 1;
  }
  const inUse = await portsInUse(portsOf(options));
  for (const complaint of inUse) complain(complaint);
  return inUse.length > 0 ? 1 : await run(options);
}

/** @returns the exit status */
async function run(options: StartOptions): Promise<number> {
  const quickstart = new Quickstart(options, { say, now: Date.now, random: Math.random });
  const ended = Promise.withResolvers<null>();
  const stopListening = onInterrupt({
    source: process,
    first: () => ended.resolve(null),
    again: () => {
      quickstart.kill();
      process.exit(130);
    },
    now: () => performance.now(),
  });
  let timer: NodeJS.Timeout | undefined;
  let status = 0;
  try {
    say('starting a collector, two agents and their tills …');
    const state = await Promise.race([quickstart.start(), ended.promise]);
    if (state !== null) {
      introduce(options, quickstart.collector.httpUrl, state);
      if (options.forMs !== null) timer = setTimeout(() => ended.resolve(null), options.forMs);
      await Promise.race([quickstart.watch(), ended.promise]);
    }
  } catch (error) {
    complain((error as Error).message);
    status = 1;
  }
  clearTimeout(timer);
  say('stopping the tills, the agents and the collector …');
  await quickstart.stop();
  stopListening();
  say('stopped; the next npm start continues');
  return status;
}

function introduce(options: StartOptions, apiUrl: string, state: State): void {
  const { dir, agentPorts, rate } = options;
  const commands = curlCommands({
    apiUrl,
    merchant: MERCHANT,
    key: state.key,
    timeZone: state.timeZone,
    now: Date.now(),
  });
  const logs = ['collector/collector.log', ...TILLS.map(({ terminal }) => `${terminal}/agent.log`)];
  say(`
Tillstream runs: two tills sell about ${rate} baskets a minute each. Ctrl-C stops it.

  merchant   ${MERCHANT}
  API key    ${state.key}
  API        ${apiUrl}/openapi.json
  agents     ${agentPorts.map((port) => `http://127.0.0.1:${port}/v1/status`).join('  ')}
  data       ${dir}
  logs       ${logs.map((log) => path.join(dir, log)).join('\n             ')}

Today by the hour, the top articles of the week, and the week by payment method:

${commands.join('\n\n')}
`);
}

process.exitCode = await main(process.argv.slice(2));
