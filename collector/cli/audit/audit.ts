/** `audit`: checks what the store holds, and lists what somebody has to look at. */
import type { Command, CommandContext, Printed } from '../command.ts';
import { auditBalance } from './audit-balance.ts';
import { auditConflicts } from './audit-conflicts.ts';
import { auditParked } from './audit-parked.ts';
import { auditRollups, auditSample } from './audit-rollups.ts';
import { auditSealed } from './audit-sealed.ts';

interface Check {
  /** Its option; also the key of its findings in the JSON document. */
  readonly name: string;
  readonly help: string;
  readonly run: (context: CommandContext) => Promise<Printed>;
}

const CHECKS: readonly Check[] = [
  { name: 'conflicts', help: 'seqs that a till has sent with different contents', run: auditConflicts },
  { name: 'parked', help: 'hours and days that figures go without', run: auditParked },
  { name: 'rollups', help: 'hours and days whose rows differ from the raw log', run: auditRollups },
  { name: 'sealed', help: 'sealed hours for which batches came: they are in no figure', run: auditSealed },
  { name: 'balance', help: 'tills of which seqs are neither stored, nor pending, nor lost', run: auditBalance },
];

export const audit: Command = {
  name: 'audit',
  summary: 'lists what somebody has to look at; exit code 1 when there is something',
  options: {
    ...Object.fromEntries(CHECKS.map(({ name }) => [name, { type: 'boolean' }])),
    ...{
      sample: { type: 'string' },
      cells: { type: 'boolean' },
      'by-day': { type: 'boolean' },
      repair: { type: 'boolean' },
    },
    ...{ merchant: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' } },
  },
  help: [
    ...CHECKS.map(({ name, help }) => `--${name.padEnd(17)}${help}`),
    '--sample N         folds N random hours again, and compares the figures bit for bit',
    'without one of these: all of them, but no sample',
    '--cells            with --rollups: reads the cells of the rows too',
    '--by-day           with --rollups: hours only of days whose row does not hold their raw rows',
    '--repair           with --rollups or --sample: what differs is computed again',
    '--merchant M       of this merchant only',
    '--from T, --to T   hours from T on, or before T: an RFC 3339 instant, or a date of UTC',
  ],
  examples: [
    'audit --json --config config/collector.yaml',
    'audit --rollups --cells --sample 100 --repair --config config/collector.yaml',
    'audit --conflicts --merchant acme --from 2026-11-01 --config config/collector.yaml',
  ],
  async run(context) {
    const named = CHECKS.filter(({ name }) => context.given[name] === true);
    const results: Printed[] = [];
    const isSample = context.given.sample !== undefined;
    for (const { run } of named.length > 0 || isSample ? named : CHECKS) results.push(await run(context));
    if (isSample) results.push(await auditSample(context));
    return {
      json: Object.assign({}, ...results.map(({ json }) => json)),
      text: results.map(({ text }) => text).join('\n'),
      found: results.some(({ found }) => found === true),
    };
  },
};
