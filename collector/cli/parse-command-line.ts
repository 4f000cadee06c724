/** Parses the command line into a command and its options, and formats --help. */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { ROLES } from '../app/context.ts';
import { type Given, type Usage, UsageError } from './command.ts';

const PROGRAM = 'node collector/main.ts';

export const RUN: Usage = {
  name: 'run',
  summary: 'runs a collector until SIGTERM or SIGINT; a second signal ends it at once',
  options: { roles: { type: 'string' } },
  help: [`--roles R,…        the roles to run, of ${ROLES.join(', ')}; all of them if left out`],
  examples: ['run --config config/collector.yaml', 'run --roles ingest --json --config config/collector.yaml'],
};

/** Named in the contracts, planned for a later version. */
const NOT_YET = ['export'];

const COMMON: ParseArgsOptionsConfig = {
  config: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
};

const COMMON_HELP = [
  '--config FILE      the configuration (YAML)',
  '--json             prints exactly one JSON document on standard output; all else goes to standard error',
];

export type Called<U extends Usage> =
  | { readonly kind: 'command'; readonly usage: U; readonly given: Given }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'not-yet'; readonly name: string };

/** @throws UsageError */
export function parseCommandLine<U extends Usage>(args: readonly string[], usages: readonly U[]): Called<U> {
  const flag = args.findIndex((arg) => arg.startsWith('-'));
  const path = flag === -1 ? args : args.slice(0, flag);
  const wantsHelp = args.includes('--help') || args.includes('-h');
  if (path.length === 0 || path[0] === 'help') {
    if (wantsHelp || path.length > 0) return { kind: 'help', text: overview(usages) };
    throw new UsageError(`name a command: ${usages.map(({ name }) => name).join(', ')}; see --help`);
  }
  if (NOT_YET.includes(path[0]!)) return { kind: 'not-yet', name: path[0]! };
  const name = path.join(' ');
  const usage = usages.find((known) => known.name === name);
  if (usage === undefined) {
    const group = usages.filter((known) => known.name.startsWith(`${path[0]} `));
    if (wantsHelp && group.length > 0) return { kind: 'help', text: group.map(helpOf).join('\n') };
    const known = (group.length > 0 ? group : usages).map((one) => one.name).join(', ');
    throw new UsageError(`there is no command "${name}"; the commands are ${known}`);
  }
  if (wantsHelp) return { kind: 'help', text: helpOf(usage) };
  return { kind: 'command', usage, given: optionsOf(usage, args.slice(path.length)) };
}

function optionsOf(usage: Usage, args: readonly string[]): Given {
  try {
    return parseArgs({ args: [...args], options: { ...COMMON, ...usage.options }, strict: true }).values as Given;
  } catch (cause) {
    throw new UsageError(`${usage.name}: ${(cause as Error).message}`, { cause });
  }
}

function overview(usages: readonly Usage[]): string {
  const width = Math.max(...usages.map(({ name }) => name.length)) + 2;
  const lines = usages.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`);
  return [
    `Usage: ${PROGRAM} COMMAND --config FILE [--json]`,
    '',
    ...lines,
    '',
    `Not available yet: ${NOT_YET.join(', ')}.`,
    `More of a command: ${PROGRAM} COMMAND --help`,
    '',
    'Exit codes: 0 done, 1 failed, 2 wrong command line or configuration.',
    '',
    'Examples:',
    ...usages.slice(0, 3).flatMap(({ examples }) => examples.slice(0, 1).map((example) => `  ${PROGRAM} ${example}`)),
    '',
  ].join('\n');
}

const helpOf = ({ name, summary, help, examples }: Usage): string =>
  [
    `${PROGRAM} ${name}: ${summary}`,
    '',
    ...[...help, ...COMMON_HELP].map((line) => `  ${line}`),
    '',
    'Examples:',
    ...examples.map((example) => `  ${PROGRAM} ${example}`),
    '',
  ].join('\n');
