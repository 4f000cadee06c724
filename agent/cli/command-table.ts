/**
 * The agent's commands with their options and help texts: one table for both the parser and
 * `--help`.
 */

/** Where packages install the configuration. */
export const DEFAULT_CONFIG = '/etc/tillstream/agent.yaml';

interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** Name of its value in the help; null when it takes none. */
  readonly value: string | null;
  readonly help: string;
}

const string = (value: string, help: string): Option => ({ type: 'string', value, help });
const flag = (help: string): Option => ({ type: 'boolean', value: null, help });

export const OPTIONS = {
  config: string('FILE', `the configuration file (YAML); default: ${DEFAULT_CONFIG}`),
  buffer: string('FILE', 'a buffer file to read instead of the configured one, such as a set-aside file'),
  state: string('STATE', 'pending, acked or quarantined; several separated by commas'),
  type: string('TYPE', 'the type of the event, such as sale'),
  ref: string('REF', "the till's own id of the event"),
  stream: string('STREAM', 'the stream, as the agent reports it: TERMINAL.EPOCH'),
  seq: string('N', 'the sequence number in the stream; FIRST-LAST for a range'),
  from: string(
    'TIME',
    'events from this time on, by their ts: 2026-11-22T09:30:00+05:30, 2026-11-22 (UTC), or 90m, 24h, 7d (ago)',
  ),
  to: string('TIME', 'events before this time'),
  limit: string('N', 'the maximum number of events'),
  oldest: flag('oldest first; default: newest first'),
  'show-values': flag('show dims.customer and attrs, which are hidden by default (card numbers are never shown)'),
  all: flag('all quarantined events'),
  'dry-run': flag('show what would be done, but change nothing'),
  output: string('FILE', 'the file to write; default: a generated name in the current folder'),
  log: string('FILE', "the agent's log file, whose last lines are included; default: the systemd journal"),
  json: flag('one JSON document on standard output (export: always NDJSON), everything else on standard error'),
  help: { ...flag('this text'), short: 'h' },
} as const satisfies Record<string, Option>;
export type OptionName = keyof typeof OPTIONS;

interface CommandHelp {
  readonly summary: string;
  readonly about: string;
  readonly options: readonly OptionName[];
  readonly examples: readonly string[];
}

const COMMON = ['config', 'json', 'help'] as const;
const READING = ['config', 'buffer', 'json', 'help'] as const;
const FILTERS = ['state', 'type', 'ref', 'stream', 'seq', 'from', 'to'] as const;

export const COMMANDS = {
  run: {
    summary: 'accept events and ship them, until SIGTERM or SIGINT',
    about:
      'Accepts events from the till over HTTP on loopback, stores them in a buffer file and ships them to the collector.',
    options: COMMON,
    examples: ['run', 'run --config agent.yaml --json   # prints {pid, port, stream} once it accepts events'],
  },
  status: {
    summary: 'health: pending events, why they are not shipped, how full the buffer is',
    about: 'Shows what the buffer holds and, if the agent is running, why it is not shipping. Changes nothing.',
    options: READING,
    examples: ['status', 'status --json | jq .pending', 'status --buffer /tmp/till-7/buffer.db'],
  },
  peek: {
    summary: 'show some events',
    about: 'Shows events, newest first. Customers (dims.customer) and attrs are hidden.',
    options: [...FILTERS, 'limit', 'oldest', 'show-values', ...READING],
    examples: [
      'peek                                    # the latest 20',
      'peek --state pending --oldest           # pending the longest',
      'peek --ref R-1001 --show-values         # one receipt in full',
      'peek --from 2h --type refund --limit 100',
      'peek --state quarantined --json | jq .events[].reason',
    ],
  },
  verify: {
    summary: 'check the whole file: every row, and that every number is accounted for',
    about:
      'Reads every event and compares its checksum, reads the loss ledger, and checks that every assigned seq is an event in the file, was stored by the collector, or is in the ledger. Exits with 1 if something is wrong. Changes nothing.',
    options: READING,
    examples: ['verify', 'verify --json | jq .problems'],
  },
  losses: {
    summary: 'lost events, and why',
    about:
      'Shows the loss ledger: events evicted, quarantined or unreadable, and whether they were reported to the collector.',
    options: READING,
    examples: ['losses', 'losses --json | jq .events'],
  },
  export: {
    summary: 'write events as NDJSON',
    about:
      'Writes one event per line: its stream, seq and state, and under "event" what the till posted. Do not post an export beside a working agent: a posted event is a new one, recognised as a duplicate only by its ref within 24 hours. Post only the pending events of a buffer that will never ship again.',
    options: [...FILTERS, 'limit', ...READING],
    examples: [
      'export > events.ndjson',
      'export --state pending | gzip > pending.ndjson.gz',
      "export --state pending --buffer dead.db | jq -c .event | split -l 1000 --filter='\n    curl -f -H Content-Type:application/x-ndjson --data-binary @- http://127.0.0.1:7070/v1/events' -",
    ],
  },
  requeue: {
    summary: 'make quarantined events pending again (the only command that changes the buffer)',
    about:
      'Makes quarantined events pending, so that they are sent to the collector again under their old stream and seq. Select them by --stream and --seq (one, or FIRST-LAST), or by --all, which omits duplicates, because they would be counted twice. Works beside a running agent. Their loss records stay: once the events are stored, the collector no longer counts them as lost.',
    options: ['stream', 'seq', 'all', 'dry-run', ...COMMON],
    examples: ['requeue --all --dry-run', 'requeue --stream till-1.9f3c0d5e6a7b8c9d --seq 41'],
  },
  bundle: {
    summary: 'one redacted file to send to support',
    about:
      'Writes one gzipped JSON file: status, configuration without secrets, versions, losses, quarantine, the last lines of the log, the result of verify, disk facts and the connection log. It contains no token, no card number and no customer.',
    options: ['output', 'log', ...READING],
    examples: [
      'bundle',
      'bundle --output /media/usb/till-1.json.gz',
      'bundle && zcat tillstream-*.json.gz | jq .buffer.verify',
    ],
  },
} as const satisfies Record<string, CommandHelp>;
export type CommandName = keyof typeof COMMANDS;

export const COMMAND_NAMES = Object.keys(COMMANDS) as CommandName[];
export const isCommand = (name: string): name is CommandName => Object.hasOwn(COMMANDS, name);
