/** The commands of the command line: their shape, their context and their errors. */
import type { ParseArgsOptionsConfig } from 'node:util';
import { parseTimestamp } from '../../shared/event/timestamp.ts';
import { type MerchantId, merchantId } from '../../shared/ids.ts';
import { HOUR_MS } from '../../shared/time.ts';
import { type OpenTables, type Stores, storesOn } from '../app/context.ts';
import type { CollectorConfig } from '../config/collector-config.ts';
import type { Tables } from '../store/tables.ts';

/** Options as given: strings and flags; an array where an option may be given several times. */
export type Given = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface CommandContext {
  readonly config: CollectorConfig;
  readonly given: Given;
  readonly openTables: OpenTables;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Shows a line about a long command's progress. */
  readonly progress?: (line: string) => void;
}

/** What a command prints: the document under `--json`, otherwise the text. */
export interface Printed {
  readonly json: unknown;
  readonly text: string;
  /** Told on standard error, in both cases. */
  readonly warnings?: readonly string[];
  /** An audit found something: exit code 1. */
  readonly found?: boolean;
}

/** How a command is called. */
export interface Usage {
  /** As typed, such as `terminals add`. */
  readonly name: string;
  readonly summary: string;
  /** In addition to --config, --json and --help. */
  readonly options: ParseArgsOptionsConfig;
  /** Lines for --help, one per option. */
  readonly help: readonly string[];
  /** Without the leading `node collector/main.ts`. */
  readonly examples: readonly string[];
}

export interface Command extends Usage {
  readonly run: (context: CommandContext) => Promise<Printed>;
}

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command could not be carried out: exit code 1. The message says what to do. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
}

/** @throws UsageError when it is missing */
export function required(given: Given, option: string): string {
  const value = given[option];
  if (typeof value !== 'string' || value === '') throw new UsageError(`--${option} is missing`);
  return value;
}

/** @throws UsageError when the parser rejects the option's value */
export function parsed<T>(given: Given, option: string, parse: (text: string) => T): T {
  const text = required(given, option);
  try {
    return parse(text);
  } catch (error) {
    throw new UsageError(`--${option}: ${(error as Error).message}`);
  }
}

/**
 * The merchants of an option that may be given several times, each a name or several with commas.
 *
 * @returns null when it is not given
 * @throws UsageError
 */
export function merchantsGiven({ merchant }: Given): readonly MerchantId[] | null {
  if (merchant === undefined) return null;
  const names = [merchant].flat().flatMap((given) => String(given).split(','));
  try {
    return [...new Set(names.map((name) => merchantId(name.trim())))];
  } catch (error) {
    throw new UsageError(`--merchant: ${(error as Error).message}`);
  }
}

/** @throws UsageError unless it is a whole number from 1 on */
export function numberGiven(given: Given, option: string): number {
  const text = required(given, option);
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new UsageError(`--${option}: "${text}" is no whole number`);
  return number;
}

export const END_HOUR = 2 ** 32 - 1;

/** The instant of an option, in hours since 1970, maybe not a whole number. */
export function boundary(given: Given, option: 'from' | 'to', otherwise: number): number {
  if (given[option] === undefined) return otherwise;
  return parsed(given, option, (text) => {
    const instant = parseTimestamp(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
    if (!instant.ok) throw new Error(`${instant.detail}, or a date of UTC such as 2026-11-22`);
    return instant.ts / HOUR_MS;
  });
}

/** Opens the store, runs `work` on it, and closes it. */
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
