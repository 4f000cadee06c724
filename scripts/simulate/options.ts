/** Command line of `npm run simulate`. */
import { parseArgs } from 'node:util';

export const HELP = `Usage: npm run simulate -- [options]

Simulated tills that sell through agents which run already: baskets, refunds, voids, payment methods, cashiers, customers.
Open whatever the clock says. Ctrl-C ends.

Options:
  --agent URL          an agent, with one till each; repeat it for several (default: http://127.0.0.1:7070)
  --rate N             mean baskets per minute and till (default: 20)
  --currency CODE      ISO 4217 (default: EUR)
  --tz ZONE            IANA time zone of the tills (default: this machine's)
  --cable PORT=HOST:PORT  a network link from a port of this machine to the collector's broker, disconnected at times: the
                       agent whose collector.urls names mqtt://127.0.0.1:PORT goes offline and reconnects
  --outage-every S     mean seconds between outages (default: 240)
  --outage-for S       mean seconds of an outage (default: 45)
  --for SECONDS        stop after this time
  --seed N             a seed; the same one gives the same baskets

Examples:
  npm run simulate -- --agent http://127.0.0.1:7070 --rate 60
  npm run simulate -- --cable 1884=127.0.0.1:1883
`;

export interface SimulateOptions {
  readonly agents: readonly string[];
  readonly rate: number;
  readonly currency: string;
  readonly timeZone: string;
  readonly cable: { readonly port: number; readonly target: { readonly host: string; readonly port: number } } | null;
  readonly outageEveryMs: number;
  readonly outageForMs: number;
  /** Null: until Ctrl-C. */
  readonly forMs: number | null;
  readonly seed: number;
}

/** @returns a string that says what is wrong; null when help was requested */
export function parseOptions(argv: readonly string[]): SimulateOptions | string | null {
  let values: ReturnType<typeof parse>['values'];
  try {
    values = parse(argv).values;
  } catch (error) {
    return (error as Error).message;
  }
  if (values.help) return null;
  const numbers = { rate: values.rate, 'outage-every': values['outage-every'], 'outage-for': values['outage-for'] };
  for (const [name, text] of Object.entries({ ...numbers, for: values.for ?? '1' }))
    if (!(Number(text) > 0)) return `--${name} must be a number above 0`;
  const agents = values.agent ?? ['http://127.0.0.1:7070'];
  const wrong = agents.find((url) => !URL.canParse(url));
  if (wrong !== undefined) return `--agent: ${wrong} is no URL`;
  const cable = values.cable === undefined ? null : /^(\d+)=([^:=]+):(\d+)$/.exec(values.cable);
  if (cable === null && values.cable !== undefined)
    return '--cable must be PORT=HOST:PORT, such as 1884=127.0.0.1:1883';
  return {
    agents,
    rate: Number(values.rate),
    currency: values.currency,
    timeZone: values.tz ?? Temporal.Now.timeZoneId(),
    cable: cable && { port: Number(cable[1]), target: { host: cable[2]!, port: Number(cable[3]) } },
    outageEveryMs: Number(values['outage-every']) * 1000,
    outageForMs: Number(values['outage-for']) * 1000,
    forMs: values.for === undefined ? null : Number(values.for) * 1000,
    seed: values.seed === undefined ? Date.now() : Number(values.seed),
  };
}

const parse = (argv: readonly string[]) =>
  parseArgs({
    args: [...argv],
    options: {
      agent: { type: 'string', multiple: true },
      rate: { type: 'string', default: '20' },
      currency: { type: 'string', default: 'EUR' },
      tz: { type: 'string' },
      cable: { type: 'string' },
      'outage-every': { type: 'string', default: '240' },
      'outage-for': { type: 'string', default: '45' },
      for: { type: 'string' },
      seed: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
