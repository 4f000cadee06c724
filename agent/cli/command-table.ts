/** The agent's commands, their options and their help: one table that the command line is parsed by and told from. */

/** Where packages install the configuration. */
export const DEFAULT_CONFIG = '/etc/tillstream/agent.yaml';

interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** What its value is called; null: it takes none. */
  readonly value: string | null;
  readonly help: string;
}

const string = (value: string, help: string): Option => ({ type: 'string', value, help });
const flag = (help: string): Option => ({ type: 'boolean', value: null, help });

export const OPTIONS = {
  config: string('FILE', `the configuration (YAML); ${DEFAULT_CONFIG} unless given`),
  buffer: string('FILE', "a buffer's file, in place of the configuration's: one that was set aside, or sent in"),
  state: string('STATE', 'pending, acked or quarantined; several with commas'),
  type: string('TYPE', 'the type of the event, such as sale'),
  ref: string('REF', "the till's own id of the event"),
  stream: string('STREAM', 'the stream, as the agent answered it: TERMINAL.EPOCH'),
  seq: string('N', 'the number in the stream; FIRST-LAST for several'),
  from: string(
    'TIME',
    'events from this time on, by their own ts: 2026-11-22T09:30:00+05:30, 2026-11-22 (UTC), or 90m, 24h, 7d (ago)',
  ),
  to: string('TIME', 'events before this time'),
  limit: string('N', 'at most so many'),
  oldest: flag('the oldest first; the newest unless given'),
  'show-values': flag('shows what is hidden otherwise: dims.customer and attrs (card numbers are never shown)'),
  all: flag('all quarantined events'),
  'dry-run': flag('says what would be done, and changes nothing'),
  output: string('FILE', 'where to write it; a name of its own in the current folder unless given'),
  log: string('FILE', "the agent's log file, of which the last lines go in; the system's journal unless given"),
  json: flag('one JSON document on standard output (export: NDJSON either way), everything else on standard error'),
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
const LOOKING = ['config', 'buffer', 'json', 'help'] as const;
const FILTERS = ['state', 'type', 'ref', 'stream', 'seq', 'from', 'to'] as const;

export const COMMANDS = {
  run: {
    summary: 'take events and ship them, until SIGTERM or SIGINT',
    about: 'Takes events from the till over HTTP on loopback, keeps them in a file, and ships them to the collector.',
    options: COMMON,
    examples: ['run', 'run --config agent.yaml --json   # prints {pid, port, stream} once it takes events'],
  },
  status: {
    summary: 'how things stand: what waits, why it is not shipped, how full the buffer is',
    about: 'Says what the buffer holds, and, where the agent runs, why it is not shipping. Changes nothing.',
    options: LOOKING,
    examples: ['status', 'status --json | jq .pending', 'status --buffer /tmp/till-7/buffer.db'],
  },
  peek: {
    summary: 'look at some events',
    about:
      'Shows events, the newest first. What names a customer and what the till keeps for itself (attrs) is hidden.',
    options: [...FILTERS, 'limit', 'oldest', 'show-values', ...LOOKING],
    examples: [
      'peek                                    # the latest 20',
      'peek --state pending --oldest           # what has waited longest',
      'peek --ref R-1001 --show-values         # one receipt, whole',
      'peek --from 2h --type refund --limit 100',
      'peek --state quarantined --json | jq .events[].reason',
    ],
  },
  verify: {
    summary: 'check the whole file: each row, and that each number is accounted for',
    about:
      'Reads each event and compares its checksum, reads the ledger, and checks that each seq that was given out is an event, was stored, or is in the ledger. Exits with 1 where something is wrong. Changes nothing.',
    options: LOOKING,
    examples: ['verify', 'verify --json | jq .problems'],
  },
  losses: {
    summary: 'what was given up, and why',
    about: 'Shows the ledger: events evicted, quarantined or unreadable, and whether the collector was told.',
    options: LOOKING,
    examples: ['losses', 'losses --json | jq .events'],
  },
  export: {
    summary: 'write events out as NDJSON',
    about:
      'Writes an event a line: its stream, seq and state, and under "event" what the till posted. It is no backup to post again beside a working agent: posted, an event is a new one, known again only by its ref within 24 hours. Post what is pending in a buffer that will never ship again.',
    options: [...FILTERS, 'limit', ...LOOKING],
    examples: [
      'export > events.ndjson',
      'export --state pending | gzip > pending.ndjson.gz',
      "export --state pending --buffer dead.db | jq -c .event | split -l 1000 --filter='\n    curl -f -H Content-Type:application/x-ndjson --data-binary @- http://127.0.0.1:7070/v1/events' -",
    ],
  },
  requeue: {
    summary: 'offer quarantined events again (the only command that changes the buffer)',
    about:
      'Makes quarantined events pending, so that they are offered to the collector again under their old stream and seq. Names them by --stream and --seq (one, or FIRST-LAST), or --all, which leaves out duplicates: they would count twice. Works beside a running agent. Their record in the ledger stays: once they are stored, the collector no longer counts them as lost.',
    options: ['stream', 'seq', 'all', 'dry-run', ...COMMON],
    examples: ['requeue --all --dry-run', 'requeue --stream till-1.9f3c0d5e6a7b8c9d --seq 41'],
  },
  bundle: {
    summary: 'one redacted file to send to support',
    about:
      'Writes one gzipped JSON file: status, configuration without secrets, versions, losses, quarantine, the last lines of the log, what verify found, facts of the disk, connection log. It holds no token, no card number and no customer.',
    options: ['output', 'log', ...LOOKING],
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
