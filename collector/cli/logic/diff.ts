/** `logic diff`: what merchants' figures change by from one logic version to another. */
import type { MerchantId } from '../../../shared/ids.ts';
import { proposedIdentity } from '../../app/context.ts';
import { diffOf, largestFirst, type MerchantDiff } from '../../rollup/reprocess/diff.ts';
import { REPROCESS_LIMITS } from '../../rollup/reprocess/limits.ts';
import { initializeStore } from '../../store/initialize-store.ts';
import { type Command, merchantsGiven, numberGiven, UsageError, withStore } from '../command.ts';
import { longCommand } from '../long-command.ts';
import { hoursGiven, logicGiven } from './reprocess.ts';

/** Merchants shown as text. */
const SHOWN = 20;
const LISTED = REPROCESS_LIMITS.diffMerchants.value;

export const diffLogics: Command = {
  name: 'logic diff',
  summary: 'compares the figures of two versions, the largest change first; exit code 1 when there is one',
  options: {
    ...{ logic: { type: 'string' }, against: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' } },
    merchant: { type: 'string', multiple: true },
  },
  help: [
    '--logic N          the version; if left out, the newest',
    '--against N        the version it is compared with; if left out, the active one',
    '--merchant M       of this merchant only; several times or with commas for several',
    '--from T, --to T   hours from T on, or before T: an RFC 3339 instant, or a date of UTC',
  ],
  examples: ['logic diff --logic 2 --json --config config/collector.yaml'],
  run: (context) =>
    withStore(context, async ({ log, logics, rollups }, tables) => {
      await initializeStore(tables, context.config.dimensions, proposedIdentity());
      const { given } = context;
      const set = await logics.read();
      const { version } = logicGiven(given, set);
      const against = given.against === undefined ? set.active(null) : numberGiven(given, 'against');
      if (set.record(against) === null) throw new UsageError(`--against: there is no version ${against}`);
      if (against === version) throw new UsageError(`version ${version} is compared with itself: give --against`);
      const merchants = merchantsGiven(given);
      const found = await longCommand<number, Found>(
        context,
        'logic diff',
        (compared) => `${compared} merchants compared`,
        ({ progress, signal }) =>
          differing(merchants ?? log.merchants(), progress, signal, (merchant) =>
            diffOf(rollups, merchant, [against, version], hoursGiven(context)),
          ),
      );
      const more = found.differ - found.diffs.length;
      return {
        json: {
          ...{ logic: version, against, compared: found.compared, hours: found.hours, differ: found.differ },
          merchants: found.diffs.map(({ changes, ...of }) => ({ ...of, changes: plain(changes) })),
        },
        text: [
          `version ${version} against ${against}: ${found.differ} of ${found.compared} merchants differ, in ${found.hours} hours`,
          ...found.diffs.slice(0, SHOWN).flatMap(linesOf),
          ...(found.differ > SHOWN ? [`… and ${found.differ - SHOWN} more`] : []),
        ].join('\n'),
        warnings: more > 0 ? [`${more} merchants with smaller changes are not listed`] : [],
        found: found.differ > 0,
      };
    }),
};

interface Found {
  readonly compared: number;
  /** Compared. */
  readonly hours: number;
  readonly differ: number;
  readonly diffs: readonly MerchantDiff[];
}

async function differing(
  merchants: AsyncIterable<MerchantId> | readonly MerchantId[],
  progress: (compared: number) => void,
  signal: AbortSignal,
  diff: (merchant: MerchantId) => Promise<MerchantDiff>,
): Promise<Found> {
  let [compared, hours, differ] = [0, 0, 0];
  let diffs: MerchantDiff[] = [];
  for await (const merchant of merchants) {
    signal.throwIfAborted();
    const found = await diff(merchant);
    hours += found.hours;
    progress(++compared);
    if (Object.keys(found.changes).length === 0) continue;
    differ++;
    diffs.push(found);
    if (diffs.length >= 2 * LISTED) diffs = diffs.sort(largestFirst).slice(0, LISTED);
  }
  return { compared, hours, differ, diffs: diffs.sort(largestFirst).slice(0, LISTED) };
}

/** A sum beyond the safe integers is text in JSON. */
const plain = (changes: MerchantDiff['changes']) =>
  Object.fromEntries(
    Object.entries(changes).map(([name, values]) => [
      name,
      values.map((value) => (typeof value === 'bigint' ? String(value) : value)),
    ]),
  );

const linesOf = ({ merchant, percent, changes }: MerchantDiff): string[] => [
  `${merchant}: ${percent === null ? 'from 0' : `${percent} %`}`,
  ...Object.entries(changes).map(([name, [was, is]]) => `  ${name}: ${was} -> ${is}`),
];
