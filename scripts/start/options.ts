/** Command line of `npm start`. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../processes/child.ts';
import type { WantedPort } from '../processes/ports.ts';

export const HELP = `Usage: npm start -- [options]

Runs a complete Tillstream on this machine as a demo: a collector that stores in SQLite, two agents, and two
simulated tills that sell day and night; the second one goes offline at times. The first start begins with some days
of history. Everything listens on 127.0.0.1 only. Ctrl-C stops it; the next start continues where it stopped.

Options:
  --http-port PORT   the collector's HTTP API (default: 8080)
  --mqtt-port PORT   the collector's broker (default: 1883)
  --agent-port PORT  the first agent; the second one takes the port after it (default: 7070)
  --rate N           mean baskets per minute and till (default: 20)
  --days N           days of history, at the first start (default: 5)
  --dir DIR          data, configuration and logs (default: .tillstream/quickstart)
  --for SECONDS      stop after this time

To start afresh, delete the folder.
`;

export interface StartOptions {
  readonly httpPort: number;
  readonly mqttPort: number;
  readonly agentPorts: readonly [number, number];
  /** Baskets per minute and till. */
  readonly rate: number;
  readonly days: number;
  readonly dir: string;
  /** Null: until Ctrl-C. */
  readonly forMs: number | null;
}

/**
 * Parses the command line.
 *
 * @returns a string that says what is wrong; null when help was requested
 */
export function parseOptions(argv: readonly string[]): StartOptions | string | null {
  let values: ReturnType<typeof parse>['values'];
  try {
    values = parse(argv).values;
  } catch (error) {
    return (error as Error).message;
  }
  if (values.help) return null;
  const ports = {
    'http-port': values['http-port'],
    'mqtt-port': values['mqtt-port'],
    'agent-port': values['agent-port'],
  };
  for (const [name, text] of Object.entries(ports))
    if (!/^\d+$/.test(text) || Number(text) < 1 || Number(text) > 65_534) return `--${name} must be a port, 1 to 65534`;
  if (!(Number(values.rate) > 0 && Number(values.rate) <= 6_000)) return '--rate must be a number above 0, up to 6000';
  if (!/^\d+$/.test(values.days) || Number(values.days) > 60) return '--days must be a whole number, up to 60';
  if (values.for !== undefined && !(Number(values.for) > 0)) return '--for must be a number above 0';
  const agentPort = Number(values['agent-port']);
  return {
    httpPort: Number(values['http-port']),
    mqttPort: Number(values['mqtt-port']),
    agentPorts: [agentPort, agentPort + 1],
    rate: Number(values.rate),
    days: Number(values.days),
    dir: path.resolve(values.dir ?? path.join(ROOT, '.tillstream/quickstart')),
    forMs: values.for === undefined ? null : Number(values.for) * 1000,
  };
}

export const portsOf = ({ httpPort, mqttPort, agentPorts }: StartOptions): WantedPort[] => [
  { port: httpPort, purpose: "the collector's HTTP API", flag: '--http-port' },
  { port: mqttPort, purpose: "the collector's broker", flag: '--mqtt-port' },
  ...agentPorts.map((port) => ({ port, purpose: 'an agent', flag: '--agent-port' })),
];

const parse = (argv: readonly string[]) =>
  parseArgs({
    args: [...argv],
    options: {
      'http-port': { type: 'string', default: '8080' },
      'mqtt-port': { type: 'string', default: '1883' },
      'agent-port': { type: 'string', default: '7070' },
      rate: { type: 'string', default: '20' },
      days: { type: 'string', default: '5' },
      dir: { type: 'string' },
      for: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
