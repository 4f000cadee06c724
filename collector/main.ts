/** The collector's command line, and the only place that knows the store's adapters. */
import { readFileSync } from 'node:fs';
import { ConfigError } from '../shared/config/parse-config.ts';
import { type OpenTables, ROLES, type StartOptions } from './app/context.ts';
import { openFileLimit } from './app/file-handles.ts';
import { ListenError } from './app/listen.ts';
import type { Collector } from './app/start.ts';
import { audit } from './cli/audit.ts';
import { type Command, CommandFailed, required, UsageError } from './cli/command.ts';
import { addKey, listKeys, revokeKey } from './cli/keys.ts';
import { parseCommandLine, RUN } from './cli/parse-command-line.ts';
import { checkConfig, initStore, rollupOnce } from './cli/store.ts';
import { addTerminal, listTerminals, retireTerminal, revokeTerminal, setQuota } from './cli/terminals.ts';
import type { CollectorConfig } from './config/collector-config.ts';
import { loadConfig } from './config/load-config.ts';
import { readTls } from './config/tls-files.ts';
import { StoreUnavailable } from './store/tables.ts';

const COMMANDS: readonly Command[] = [
  initStore,
  addTerminal,
  listTerminals,
  setQuota,
  revokeTerminal,
  retireTerminal,
  addKey,
  listKeys,
  revokeKey,
  rollupOnce,
  audit,
  checkConfig,
];

/** Loads only the configured adapter. */
export const openTables: OpenTables = async (store) => {
  if (store.kind === 'sqlite') return (await import('./store/sqlite/sqlite-tables.ts')).openSqliteTables(store);
  return (await import('./store/hbase/hbase-tables.ts')).openHBaseTables(store);
};

/**
 * Starts a collector within this process, for scripts and tests. Resolves when it listens; `ready`
 * resolves when the store is available.
 */
export async function startCollector(config: CollectorConfig, options: Partial<StartOptions> = {}): Promise<Collector> {
  const [{ startCollector: start }, { default: pino }] = await Promise.all([import('./app/start.ts'), import('pino')]);
  return start({
    config,
    roles: new Set(ROLES),
    tls: config.mqtt.tls === null ? null : readTls(config.mqtt.tls),
    openTables,
    fileHandles: openFileLimit(),
    log: pino({ level: 'silent' }),
    version: version(),
    now: Date.now,
    clock: () => performance.now(),
    random: Math.random,
    ...options,
  });
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Standard output of the process: at most one JSON document, or text. */
class Output {
  readonly #json: boolean;
  #printed = false;

  constructor(json: boolean) {
    this.#json = json;
  }

  print(document: unknown, text: string): void {
    if (this.#json && this.#printed) return;
    this.#printed = true;
    process.stdout.write(`${this.#json ? JSON.stringify(document) : text}\n`);
  }

  /** @param detail printed for people; the JSON document contains the message */
  fail(message: string, detail: string): void {
    process.stderr.write(`${detail}\n`);
    if (this.#json) this.print({ error: message }, '');
  }
}

/** @returns the exit code */
async function dispatch(args: readonly string[], output: Output): Promise<number> {
  const called = parseCommandLine(args, [{ ...RUN, run: null }, ...COMMANDS]);
  if (called.kind === 'help') {
    output.print({ help: called.text }, called.text.trimEnd());
    return 0;
  }
  if (called.kind === 'not-yet') throw new CommandFailed(`${called.name} is not available yet in this version`);
  const { usage, given } = called;
  const config = loadConfig(required(given, 'config'));
  if (usage.run !== null) {
    const progress = (line: string): boolean => process.stderr.write(`${line}\n`);
    const context = { config, given, openTables, now: Date.now, progress };
    const { json, text, warnings = [], found } = await usage.run(context);
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
    output.print(json, text);
    return found === true ? 1 : 0;
  }
  const { run } = await import('./cli/run.ts');
  const onListening = ({ mqttPort, httpPort }: Collector): void => {
    const http = { host: config.http.host, port: httpPort };
    const mqtt = mqttPort === null ? null : { host: config.mqtt.host, port: mqttPort };
    const text = [`HTTP on ${http.host}:${http.port}`, ...(mqtt === null ? [] : [`MQTT on ${mqtt.host}:${mqtt.port}`])];
    output.print({ http, mqtt }, text.join('\n'));
  };
  await run({ config, given, start: startCollector, onListening });
  return 0;
}

/** @returns the exit code */
async function main(args: readonly string[]): Promise<number> {
  const output = new Output(args.includes('--json'));
  try {
    return await dispatch(args, output);
  } catch (error) {
    const wrong = error instanceof UsageError || error instanceof ConfigError;
    const foreseen =
      wrong || error instanceof CommandFailed || error instanceof StoreUnavailable || error instanceof ListenError;
    const { message, stack = message } = error as Error;
    output.fail(message, foreseen ? message : stack);
    return wrong ? 2 : 1;
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
