/** The agent's command line. */
import pino from 'pino';
import { ConfigError } from '../shared/config/document.ts';
import { BufferError } from './buffer/buffer-error.ts';
import { openForReading } from './buffer/connection.ts';
import { readFacts } from './buffer/facts.ts';
import { parseCommand, USAGE, UsageError } from './command-line.ts';
import type { AgentConfig } from './config.ts';
import { loadConfig } from './config-file.ts';
import { ListenError } from './ingest/server.ts';
import { bufferStatus, statusTable } from './inspect/buffer-status.ts';
import { startAgent } from './start.ts';

function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
}

async function run(config: AgentConfig, json: boolean): Promise<void> {
  const log = pino({ level: config.log.level, base: null }, pino.destination({ dest: 2, sync: true }));
  const signalled = untilSignal();
  const agent = await startAgent(config, log);
  if (json) process.stdout.write(`${JSON.stringify({ pid: process.pid, port: agent.port, stream: agent.stream })}\n`);
  const signal = await signalled;
  log.info(`${signal}: stopping`);
  for (const again of ['SIGTERM', 'SIGINT'] as const) process.once(again, () => process.exit(1));
  await agent.stop();
  log.info('stopped');
}

function status({ buffer }: AgentConfig, json: boolean): void {
  const db = openForReading(buffer.path);
  try {
    const facts = readFacts(db, buffer.path);
    process.stdout.write(
      json
        ? `${JSON.stringify({ path: buffer.path, ...bufferStatus(facts), maxBytes: buffer.maxBytes })}\n`
        : statusTable(buffer.path, buffer.maxBytes, facts, Date.now()),
    );
  } finally {
    db.close();
  }
}

/** @returns the exit status */
async function main(words: readonly string[]): Promise<number> {
  try {
    const command = parseCommand(words);
    switch (command.name) {
      case 'help':
        process.stdout.write(USAGE);
        break;
      case 'run':
        await run(loadConfig(command.config), command.json);
        break;
      case 'status':
        status(loadConfig(command.config), command.json);
        break;
    }
    return 0;
  } catch (error) {
    const told = [UsageError, ConfigError, BufferError, ListenError].some((kind) => error instanceof kind);
    process.stderr.write(`${told ? (error as Error).message : ((error as Error).stack ?? error)}\n`);
    if (error instanceof UsageError) process.stderr.write('Try --help.\n');
    if (words.includes('--json')) process.stdout.write(`${JSON.stringify({ error: (error as Error).message })}\n`);
    return error instanceof UsageError || error instanceof ConfigError ? 2 : 1;
  }
}

// Without a top-level await, which the packaged agent's CommonJS does not have.
if (import.meta.main) {
  void main(process.argv.slice(2)).then((status) => {
    process.exitCode = status;
  });
}
