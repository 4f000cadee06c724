/**
 * Configuration files with human mistakes: each must be read or rejected with described faults,
 * quickly.
 */
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseConfig as parseAgentConfig } from '../../../agent/config/agent-config.ts';
import { parseConfig as parseCollectorConfig } from '../../../collector/config/collector-config.ts';
import { ConfigError, configOf } from '../../../shared/config/parse-config.ts';
import { ROOT } from '../../processes/child.ts';
import { pick } from '../../simulate/random.ts';
import { below, mutated, mutatedJson, nasty, type Random } from './mutation.ts';

/** Longer than reading one takes on a slow and busy machine. */
const HANGING_MS = 10_000;

/** YAML fragments that mean something other than they appear to. */
const PIECES = [
  ...[
    '&a ',
    '*a',
    '*b',
    '!!binary ',
    '!!set ',
    '!!js/function ',
    '<<: ',
    '? ',
    '- ',
    '|\n',
    '>-\n',
    '%YAML 9.9\n---\n',
    '---\n',
    '...\n',
    '#',
  ],
  ...[
    '\t',
    '0x',
    '1e9',
    '.inf',
    '.nan',
    '~',
    'yes',
    '{',
    '[',
    '"',
    "'",
    '\u0085',
    '\u2028',
    '\0',
    '2026-11-22',
    '12:30:45',
    '1_000',
  ],
  'a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n',
  'a: &a {b: *a}\n',
];

interface Kind {
  readonly file: string;
  readonly parse: Parameters<typeof configOf<unknown>>[2];
}

const KINDS: readonly Kind[] = [
  { file: 'config/agent.yaml', parse: parseAgentConfig },
  { file: 'config/collector.yaml', parse: parseCollectorConfig },
];

const MINIMAL = {
  merchant: 'acme',
  terminal: 'till-1',
  store: 'main',
  collector: { urls: ['mqtts://x:1', 'mqtt://[::1]'], token: 't', tls: { ca: 'x' }, allowPlaintext: true },
  buffer: { path: 'b', maxBytes: 2 ** 30, minFreeBytes: 0, whenFull: 'reject', keepAckedHours: 1.5 },
  ingest: { host: '::1', port: 7070, cardData: 'refuse' },
  ship: { lingerMs: 5, reconnectMaxMs: 1_000 },
  log: { level: 'info' },
};

export interface ConfigurationsReport {
  read: number;
  accepted: number;
  readonly faults: string[];
}

export const noConfigurations = (): ConfigurationsReport => ({ read: 0, accepted: 0, faults: [] });

/** Reads `count` configurations, and adds the results to the report. */
export function readRandomConfigurations(random: Random, count: number, report: ConfigurationsReport): void {
  const texts = KINDS.map(({ file }) => readFileSync(path.join(ROOT, file), 'utf8'));
  for (let left = count; left > 0; left--) {
    const kind = below(random, KINDS.length);
    const text = randomText(random, texts[kind]!);
    const start = performance.now();
    try {
      configOf('wild.yaml', text, KINDS[kind]!.parse);
      report.accepted++;
    } catch (error) {
      if (!(error instanceof ConfigError)) report.faults.push(`${(error as Error).stack}\nof ${JSON.stringify(text)}`);
    }
    if (performance.now() - start > HANGING_MS) report.faults.push(`took too long: ${JSON.stringify(text)}`);
    report.read++;
  }
}

function randomText(random: Random, example: string): string {
  switch (below(random, 5)) {
    case 0:
      return mutatedJson(random, MINIMAL, pick(random, [0, 0.05, 0.3])).slice(0, 5_000);
    case 1:
      return `${nasty(random).slice(0, 2_000)}\n`;
    case 2: {
      const at = below(random, example.length);
      return example.slice(0, at) + pick(random, PIECES) + example.slice(at);
    }
    default: {
      // Without comments, which most mutations would otherwise hit.
      const bare = example.replaceAll(/^ *#.*\n/gm, '');
      return mutated(random, Buffer.from(bare)).toString('utf8');
    }
  }
}
