/** Renders `--help`: as text, and as JSON for programs. */
import { COMMAND_NAMES, COMMANDS, type CommandName, OPTIONS, type OptionName } from './command-table.ts';

const PROGRAM = 'tillstream-agent';
const WIDTH = 100;

const optionLabel = (name: OptionName): string =>
  `--${name}${OPTIONS[name].value === null ? '' : ` ${OPTIONS[name].value}`}`;

/** Wraps a text at spaces. @param indent of all lines but the first */
function wrapped(text: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, help]) => `  ${name.padEnd(width)}  ${wrapped(help, width + 4)}\n`).join('');
}

const exampleLines = (examples: readonly string[]): string =>
  examples.map((example) => `  ${PROGRAM} ${example}\n`).join('');

const EXIT = 'Exit status: 0 success, 1 failure (including a damaged file), 2 wrong usage or configuration.\n';

const GENERAL_EXAMPLES = [
  `${PROGRAM} run --config agent.yaml`,
  `${PROGRAM} status`,
  `${PROGRAM} peek --state pending --oldest`,
  'curl http://127.0.0.1:7070/v1/events -d \'{"type":"sale","amount":1299,"currency":"EUR","ref":"R-1"}\'',
];

/** @param name of a command; null: the overview of all commands */
export function helpText(name: CommandName | null): string {
  if (name === null) {
    return `Usage: ${PROGRAM} COMMAND [--config FILE] [--json]   (or: node agent/main.ts COMMAND …)

Accepts events from the till over HTTP on loopback, stores them in a buffer file and ships them to the collector.
All commands except run and requeue only read: beside a running agent, or after one has died.

Commands
${columns(COMMAND_NAMES.map((command) => [command, COMMANDS[command].summary] as const))}
Options
${columns((['config', 'json', 'help'] as const).map((option) => [optionLabel(option), OPTIONS[option].help] as const))}
${EXIT}
Examples
${GENERAL_EXAMPLES.map((example) => `  ${example}\n`).join('')}
${PROGRAM} COMMAND --help describes a command.
`;
  }
  const { about, options, examples } = COMMANDS[name];
  return `Usage: ${PROGRAM} ${name} [OPTION …]

${wrapped(about, 0)}

Options
${columns(options.map((option) => [optionLabel(option), OPTIONS[option].help] as const))}
${EXIT}
Examples
${exampleLines(examples)}`;
}

const commandJson = (name: CommandName) => ({
  command: name,
  summary: COMMANDS[name].summary,
  about: COMMANDS[name].about,
  options: COMMANDS[name].options.map((option) => ({
    name: `--${option}`,
    value: OPTIONS[option].value,
    help: OPTIONS[option].help,
  })),
  examples: COMMANDS[name].examples.map((example) => `${PROGRAM} ${example}`),
});

/** The same content as one JSON document. */
export const helpJson = (name: CommandName | null): unknown =>
  name === null ? { program: PROGRAM, commands: COMMAND_NAMES.map(commandJson) } : commandJson(name);
