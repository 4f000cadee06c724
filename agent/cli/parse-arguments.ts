/** Parses the agent's command line: arguments in, a typed command out. */
import { parseArgs } from 'node:util';
import { isEventTime, parseTimestamp } from '../../shared/event/timestamp.ts';
import { parseStreamId, type StreamId } from '../../shared/ids.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../shared/time.ts';
import type { EventFilter, EventState } from '../port/buffer-reader.ts';
import type { SeqRange } from '../port/outbox.ts';
import { COMMAND_NAMES, COMMANDS, type CommandName, isCommand, OPTIONS, type OptionName } from './command-table.ts';

/** The command line is wrong. The message says how to correct it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Which buffer a command reads. */
export interface Source {
  /** Path of the configuration; null: the default one. */
  readonly config: string | null;
  /** Path of a buffer file to read instead of the configured one. */
  readonly buffer: string | null;
}

interface CommonOptions {
  readonly source: Source;
  readonly json: boolean;
}

export type Command =
  | { readonly name: 'help'; readonly of: CommandName | null; readonly json: boolean }
  | (CommonOptions & { readonly name: 'run' })
  | (CommonOptions & { readonly name: 'status' | 'verify' | 'losses' })
  | (CommonOptions & {
      readonly name: 'peek';
      readonly filter: EventFilter;
      readonly limit: number;
      readonly order: 'oldest' | 'newest';
      readonly showValues: boolean;
    })
  | (CommonOptions & { readonly name: 'export'; readonly filter: EventFilter; readonly limit: number })
  | (CommonOptions & {
      readonly name: 'requeue';
      readonly events: SeqRange | null /** Null: all. */;
      readonly dryRun: boolean;
    })
  | (CommonOptions & { readonly name: 'bundle'; readonly output: string | null; readonly log: string | null });

type Values = Partial<Record<OptionName, string | boolean>>;

const PEEK_LIMIT = 20;
const MAX_LIMIT = 1_000_000;
const STATES: readonly EventState[] = ['pending', 'acked', 'quarantined'];
const AGO = /^(\d{1,6})([mhd])$/;
const AGO_MS = { m: MINUTE_MS, h: HOUR_MS, d: DAY_MS } as const;

function text(values: Values, name: OptionName): string | null {
  const given = values[name] as string | undefined;
  if (given === '') throw new UsageError(`--${name} is empty: give it a ${OPTIONS[name].value}`);
  return given ?? null;
}

function whole(values: Values, name: OptionName, most: number): number | null {
  const given = text(values, name);
  if (given === null) return null;
  const value = Number(given);
  if (!/^\d+$/.test(given) || value < 1 || value > most)
    throw new UsageError(`--${name} ${given}: give a whole number from 1 to ${most}`);
  return value;
}

function time(values: Values, name: OptionName, now: number): number | null {
  const given = text(values, name);
  if (given === null) return null;
  const ago = AGO.exec(given);
  const ms =
    ago !== null
      ? now - Number(ago[1]) * AGO_MS[ago[2] as keyof typeof AGO_MS]
      : parsedTime(/^\d{4}-\d\d-\d\d$/.test(given) ? `${given}T00:00Z` : given);
  if (ms === null || !isEventTime(ms))
    throw new UsageError(`--${name} ${given}: give a time such as 2026-11-22T09:30:00+05:30, 2026-11-22, or 2h (ago)`);
  return ms;
}

function parsedTime(given: string): number | null {
  const parsed = parseTimestamp(given);
  return parsed.ok ? parsed.ts : null;
}

function states(values: Values): EventFilter['states'] {
  const given = text(values, 'state');
  if (given === null) return null;
  return given.split(',').map((name) => {
    const state = STATES.find((known) => known === name.trim());
    if (state === undefined)
      throw new UsageError(`--state ${name}: give ${STATES.join(', ')}, or several separated by commas`);
    return state;
  });
}

function stream(values: Values): StreamId | null {
  const given = text(values, 'stream');
  if (given === null) return null;
  try {
    parseStreamId(given);
    return given as StreamId;
  } catch {
    throw new UsageError(`--stream ${given}: give it as the agent reports it, such as till-1.9f3c0d5e6a7b8c9d`);
  }
}

const filterOf = (values: Values, now: number): EventFilter => ({
  states: states(values),
  stream: stream(values),
  seqs: seqs(values),
  type: text(values, 'type'),
  ref: text(values, 'ref'),
  from: time(values, 'from', now),
  to: time(values, 'to', now),
});

/** `--seq 41` or `--seq 41-50`. */
function seqs(values: Values): { first: number; last: number } | null {
  const given = text(values, 'seq');
  if (given === null) return null;
  const [, one, two] = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(given) ?? [];
  const [first, last] = [Number(one), Number(two ?? one)];
  if (one === undefined || first < 1 || last < first)
    throw new UsageError(`--seq ${given}: give a number from 1 on, or a range such as 41-50`);
  return { first, last };
}

function requeued(values: Values): SeqRange | null {
  const [of, range] = [stream(values), seqs(values)];
  if (values.all === true && of === null && range === null) return null;
  if (values.all !== true && of !== null && range !== null)
    return { epoch: parseStreamId(of).epoch, firstSeq: range.first, lastSeq: range.last };
  throw new UsageError('requeue needs --stream STREAM and --seq N, or --all');
}

function commandOf(name: CommandName, values: Values, now: number): Command {
  const given: CommonOptions = {
    source: { config: text(values, 'config'), buffer: text(values, 'buffer') },
    json: values.json === true,
  };
  switch (name) {
    case 'run':
    case 'status':
    case 'verify':
    case 'losses':
      return { name, ...given };
    case 'peek':
      return {
        name,
        ...given,
        filter: filterOf(values, now),
        limit: whole(values, 'limit', MAX_LIMIT) ?? PEEK_LIMIT,
        order: values.oldest === true ? 'oldest' : 'newest',
        showValues: values['show-values'] === true,
      };
    case 'export':
      return {
        name,
        ...given,
        filter: filterOf(values, now),
        limit: whole(values, 'limit', Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY,
      };
    case 'requeue':
      return { name, ...given, events: requeued(values), dryRun: values['dry-run'] === true };
    case 'bundle':
      return { name, ...given, output: text(values, 'output'), log: text(values, 'log') };
  }
}

/**
 * @param args without the program's own name
 * @param now milliseconds since 1970; relative times such as `2h` are subtracted from it
 * @throws UsageError
 */
export function parseCommand(args: readonly string[], now: number): Command {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
  const { positionals } = parsed;
  const values: Values = parsed.values;
  const [name, ...rest] = positionals;
  if (values.help === true)
    return { name: 'help', of: name !== undefined && isCommand(name) ? name : null, json: values.json === true };
  if (name === undefined) throw new UsageError(`a command is missing: one of ${COMMAND_NAMES.join(', ')}`);
  if (!isCommand(name)) throw new UsageError(`there is no command ${name}: one of ${COMMAND_NAMES.join(', ')}`);
  if (rest.length > 0) throw new UsageError(`${name} takes no ${rest.join(' ')}`);
  const known: readonly string[] = COMMANDS[name].options;
  const foreign = Object.keys(values).find((option) => !known.includes(option));
  if (foreign !== undefined) throw new UsageError(`${name} takes no --${foreign}`);
  return commandOf(name, values, now);
}

const parse = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: Object.fromEntries(
      Object.entries(OPTIONS).map(([name, option]) => [
        name,
        'short' in option ? { type: option.type, short: option.short } : { type: option.type },
      ]),
    ),
  });
