/** The collector's command line: runs the command that is named, and prints its result. */
import { ConfigError } from '../../../shared/config/parse-config.ts';
import type { OpenTables } from '../../app/context.ts';
import { ListenError } from '../../app/listen.ts';
import type { Collector } from '../../app/start.ts';
import { loadConfig } from '../../config/load-config.ts';
import { UnknownRules } from '../../store/logic-versions.ts';
import { StoreUnavailable } from '../../store/tables.ts';
import { audit } from '../audit/audit.ts';
import { backupStore, restoreStore, verifyBackup } from '../backup.ts';
import { type Command, CommandFailed, required, UsageError } from '../command.ts';
import { addKey, listKeys, revokeKey } from '../keys.ts';
import { diffLogics } from '../logic/diff.ts';
import { reprocessLogs } from '../logic/reprocess.ts';
import { activateLogic, addLogic, dropLogic, listLogics, rollBackLogic } from '../logic/versions.ts';
import { parseCommandLine, RUN } from '../parse-command-line.ts';
import type { RunContext } from '../run.ts';
import { checkConfig, initStore, rollupOnce } from '../store.ts';
import { addTerminal, listTerminals, retireTerminal, revokeTerminal, setQuota } from '../terminals.ts';

export interface Program {
  readonly openTables: OpenTables;
  readonly start: RunContext['start'];
}

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
  reprocessLogs,
  addLogic,
  listLogics,
  diffLogics,
  activateLogic,
  rollBackLogic,
  dropLogic,
  audit,
  backupStore,
  verifyBackup,
  restoreStore,
  checkConfig,
];

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
async function dispatch(args: readonly string[], output: Output, { openTables, start }: Program): Promise<number> {
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
  const { run } = await import('../run.ts');
  const onListening = ({ mqttPort, httpPort }: Collector): void => {
    const http = { host: config.http.host, port: httpPort };
    const mqtt = mqttPort === null ? null : { host: config.mqtt.host, port: mqttPort };
    const text = [`HTTP on ${http.host}:${http.port}`, ...(mqtt === null ? [] : [`MQTT on ${mqtt.host}:${mqtt.port}`])];
    output.print({ http, mqtt }, text.join('\n'));
  };
  await run({ config, given, start, onListening });
  return 0;
}

/** Errors whose message says enough. */
const FORESEEN = [CommandFailed, StoreUnavailable, ListenError, UnknownRules];

/** @returns the exit code */
export async function main(args: readonly string[], program: Program): Promise<number> {
  const output = new Output(args.includes('--json'));
  try {
    return await dispatch(args, output, program);
  } catch (error) {
    const wrong = error instanceof UsageError || error instanceof ConfigError;
    const foreseen = wrong || FORESEEN.some((kind) => error instanceof kind);
    const { message, stack = message } = error as Error;
    output.fail(message, foreseen ? message : stack);
    return wrong ? 2 : 1;
  }
}
