/** The agent's command line: words in, a command out. */
import { parseArgs } from 'node:util';

export const USAGE = `Usage: node agent/main.ts COMMAND --config FILE [--json]

Takes events from the till over HTTP on loopback, keeps them in a file, and ships them to the collector.

Commands
  run       take events and ship them, until SIGTERM or SIGINT
  status    what the buffer file holds; beside a running agent or after a dead one, changes nothing

Options
  --config FILE   the configuration (YAML); config/agent.yaml explains every key
  --json          one JSON document on standard output, everything else on standard error
  --help          this text

Exit status: 0 done, 1 failure, 2 usage or configuration.

Examples
  node agent/main.ts run --config config/agent.yaml
  node agent/main.ts status --config config/agent.yaml
  node agent/main.ts status --config config/agent.yaml --json | jq .pending
  curl -s localhost:7070/v1/events -d '{"type":"sale","amount":1299,"currency":"EUR","ref":"R-1"}'
`;

/** The message says what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const COMMANDS = ['run', 'status'] as const;
type CommandName = (typeof COMMANDS)[number];

export type Command =
  | { readonly name: 'help' }
  | { readonly name: CommandName; readonly config: string; readonly json: boolean };

/**
 * @param words without the program's own
 * @throws UsageError
 */
export function parseCommand(words: readonly string[]): Command {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(words);
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
  const { values, positionals } = parsed;
  if (values.help) return { name: 'help' };
  const [name, ...rest] = positionals;
  if (name === undefined) throw new UsageError(`a command is missing: one of ${COMMANDS.join(', ')}`);
  if (!(COMMANDS as readonly string[]).includes(name))
    throw new UsageError(`there is no command ${name}: one of ${COMMANDS.join(', ')}`);
  if (rest.length > 0) throw new UsageError(`${name} takes no ${rest.join(' ')}`);
  if (values.config === undefined) throw new UsageError(`${name} needs --config FILE`);
  return { name: name as CommandName, config: values.config, json: values.json };
}

const parse = (words: readonly string[]) =>
  parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      config: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
