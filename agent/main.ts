/** The agent's command line. */
import pino from 'pino';
import { ConfigError } from '../shared/config/parse-config.ts';
import { redact } from '../shared/event/card-data/card-data.ts';
import { BufferError } from './buffer/disk/buffer-error.ts';
import { parseCommand, UsageError } from './cli/parse-arguments.ts';
import { resolveConfig } from './cli/resolve-config.ts';
import type { AgentConfig } from './config/agent-config.ts';
import { ListenError } from './ingest/server.ts';
import { type CliOutput, cliOutputOn } from './inspect/terminal/cli-output.ts';
import { OutputError } from './inspect/terminal/output-error.ts';
import { systemTimers } from './runtime/system-timers.ts';
import { startSystemdNotifier, systemdNotify } from './runtime/systemd-notifier.ts';

function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
}

async function run(config: AgentConfig, json: boolean, screen: CliOutput): Promise<void> {
  const { startAgent } = await import('./start.ts');
  const options = { level: config.log.level, base: null, hooks: { streamWrite: redact } };
  const log = pino(options, pino.destination({ dest: 2, sync: true }));
  const signalled = untilSignal();
  const agent = await startAgent(config, log);
  const service = startSystemdNotifier({
    environment: process.env,
    pid: process.pid,
    tell: systemdNotify,
    work: () => agent.work(),
    words: () => agent.words(),
    timers: systemTimers,
    warn: (message) => log.warn(message),
  });
  service.ready();
  if (json) await screen.result(`${JSON.stringify({ pid: process.pid, port: agent.port, stream: agent.stream })}\n`);
  const signal = await signalled;
  log.info(`${signal}: stopping`);
  service.stopping();
  for (const again of ['SIGTERM', 'SIGINT'] as const) process.once(again, () => process.exit(1));
  await agent.stop();
  log.info('stopped');
}

/** What a command does but `run` is loaded when it is asked for: an agent runs for years without it. */
async function perform(words: readonly string[], screen: CliOutput): Promise<boolean> {
  const command = parseCommand(words, Date.now());
  switch (command.name) {
    case 'help': {
      const { helpJson, helpText } = await import('./cli/help.ts');
      await screen.result(command.json ? `${JSON.stringify(helpJson(command.of))}\n` : helpText(command.of));
      return true;
    }
    case 'run':
      await run(resolveConfig(command.name, command.source.config), command.json, screen);
      return true;
    default: {
      const { runSupportCommand: look } = await import('./cli/run-support-command.ts');
      process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
      return look(command, screen, Date.now());
    }
  }
}

/** @returns the exit status */
async function main(words: readonly string[]): Promise<number> {
  const { stdout, stderr, env } = process;
  // Whoever reads (`head`, `less`) has seen enough.
  stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const screen = cliOutputOn(stdout, stderr, env, () => performance.now());
  try {
    return (await perform(words, screen)) ? 0 : 1;
  } catch (error) {
    const told = [UsageError, ConfigError, BufferError, ListenError, OutputError].some((kind) => error instanceof kind);
    screen.message(told ? (error as Error).message : `${(error as Error).stack ?? error}`);
    if (error instanceof UsageError) screen.message('Try --help.');
    if (words.includes('--json') && !screen.printed)
      await screen.result(`${JSON.stringify({ error: redact((error as Error).message) })}\n`);
    return error instanceof UsageError || error instanceof ConfigError ? 2 : 1;
  }
}

// Without a top-level await, which the packaged agent's CommonJS does not have.
if (import.meta.main) {
  void main(process.argv.slice(2)).then((status) => {
    process.exitCode = status;
  });
}
