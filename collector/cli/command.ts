/** What a command of the collector is, and what it is given. */
import type { ParseArgsOptionsConfig } from 'node:util';
import { type OpenTables, type Stores, storesOn } from '../app/context.ts';
import type { CollectorConfig } from '../config/collector-config.ts';
import type { Tables } from '../store/tables.ts';

/** Options as given: texts and flags. */
export type Given = Readonly<Record<string, string | boolean | undefined>>;

export interface CommandContext {
  readonly config: CollectorConfig;
  readonly given: Given;
  readonly openTables: OpenTables;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What a command prints: the document under `--json`, else the text. */
export interface Printed {
  readonly json: unknown;
  readonly text: string;
}

/** How a command is called. */
export interface Usage {
  /** As typed, such as `terminals add`. */
  readonly name: string;
  readonly summary: string;
  /** Beside --config, --json and --help. */
  readonly options: ParseArgsOptionsConfig;
  /** Lines for --help, one an option. */
  readonly help: readonly string[];
  /** Without the `node collector/main.ts` before them. */
  readonly examples: readonly string[];
}

export interface Command extends Usage {
  readonly run: (context: CommandContext) => Promise<Printed>;
}

/** The command line is wrong: exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What was asked for can't be done: exit 1. The message says what to do. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
}

/** @throws UsageError when it is missing */
export function required(given: Given, option: string): string {
  const value = given[option];
  if (typeof value !== 'string' || value === '') throw new UsageError(`--${option} is missing`);
  return value;
}

/** @throws UsageError when the parser takes the option's value for wrong */
export function parsed<T>(given: Given, option: string, parse: (text: string) => T): T {
  const text = required(given, option);
  try {
    return parse(text);
  } catch (error) {
    throw new UsageError(`--${option}: ${(error as Error).message}`);
  }
}

/** Runs something on the store, and closes it. */
export async function withStore<T>(
  { config, openTables }: CommandContext,
  work: (stores: Stores, tables: Tables) => Promise<T>,
): Promise<T> {
  const tables = await openTables(config.store);
  try {
    return await work(storesOn(tables), tables);
  } finally {
    await tables.close();
  }
}
