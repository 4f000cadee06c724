/** The agent's program: parses the command line and runs one command. */
import pino from 'pino';
import { ConfigError } from '../shared/config/parse-config.ts';
import { redact } from '../shared/event/card-data/card-data.ts';
import { BufferError } from './buffer/disk/buffer-error.ts';
import { parseCommand, UsageError } from './cli/parse-arguments.ts';
import { resolveConfig } from './cli/resolve-config.ts';
import type { AgentConfig } from './config/agent-config.ts';
import { ListenError } from './ingest/http/listen.ts';
import { type CliOutput, cliOutputOn } from './inspect/terminal/cli-output.ts';
import { OutputError } from './inspect/terminal/output-error.ts';
import { systemTimers } from './runtime/system-timers.ts';
import { startSystemdNotifier, systemdNotify } from './runtime/systemd-notifier.ts';
import type { RunningAgent } from './start.ts';

function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
}

async function run(config: AgentConfig, json: boolean, output: CliOutput): Promise<void> {
  const { startAgent } = await import('./start.ts');
  const options = { level: config.log.level, base: null, hooks: { streamWrite: redact } };
  const log = pino(options, pino.destination({ dest: 2, sync: true }));
  const signalled = untilSignal();
  let running: RunningAgent | null = null;
  process.on('SIGHUP', () => {
    log.info('SIGHUP: token and certificate files are read again');
    running?.checkCredentials();
  });
  const agent = await startAgent(config, log);
  running = agent;
  const service = startSystemdNotifier({
    environment: process.env,
    pid: process.pid,
    notify: systemdNotify,
    work: () => agent.work(),
    describe: () => agent.describe(),
    timers: systemTimers,
    warn: (message) => log.warn(message),
  });
  service.ready();
  if (json) await output.result(`${JSON.stringify({ pid: process.pid, port: agent.port, stream: agent.stream })}\n`);
  const signal = await signalled;
  log.info(`${signal}: stopping`);
  service.stopping();
  for (const second of ['SIGTERM', 'SIGINT'] as const) process.once(second, () => process.exit(1));
  await agent.stop();
  log.info('stopped');
}

/** Other commands than `run` are loaded on demand: an agent runs for years without them. */
async function perform(args: readonly string[], output: CliOutput): Promise<boolean> {
  const command = parseCommand(args, Date.now());
  switch (command.name) {
    case 'help': {
      const { helpJson, helpText } = await import('./cli/help.ts');
      await output.result(command.json ? `${JSON.stringify(helpJson(command.of))}\n` : helpText(command.of));
      return true;
    }
    case 'run':
      await run(resolveConfig(command.name, command.source.config), command.json, output);
      return true;
    default: {
      const { runSupportCommand } = await import('./cli/run-support-command.ts');
      process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
      return runSupportCommand(command, output, Date.now());
    }
  }
}

/** @returns the exit status */
export async function main(args: readonly string[]): Promise<number> {
  const { stdout, stderr, env } = process;
  // The reader (`head`, `less`) closed the pipe: it needs no more output.
  stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const output = cliOutputOn(stdout, stderr, env, () => performance.now());
  try {
    return (await perform(args, output)) ? 0 : 1;
  } catch (error) {
    const isExpected = [UsageError, ConfigError, BufferError, ListenError, OutputError].some(
      (kind) => error instanceof kind,
    );
    output.message(isExpected ? (error as Error).message : `${(error as Error).stack ?? error}`);
    if (error instanceof UsageError) output.message('Try --help.');
    if (args.includes('--json') && !output.printed)
      await output.result(`${JSON.stringify({ error: redact((error as Error).message) })}\n`);
    return error instanceof UsageError || error instanceof ConfigError ? 2 : 1;
  }
}
