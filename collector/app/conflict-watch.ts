/**
 * Notices when an hour is published with more conflicts than before: a till has sent a seq twice,
 * with different contents. An honest one never does.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MerchantId, TerminalId } from '../../shared/ids.ts';
import { tallyOf } from '../aggregation/cell-entries.ts';
import { unpackCell } from '../aggregation/message-pack/unpack-cell.ts';
import type { RollupStore } from '../rollup/run.ts';
import type { Rollup, RollupKey } from '../store/rollups/rollup.ts';

export interface NewConflicts {
  readonly merchant: MerchantId;
  /** Hours since 1970. */
  readonly hour: number;
  /** Seqs. */
  readonly conflicts: number;
  /** Of some or all of them. */
  readonly terminals: readonly TerminalId[];
}

const MAX_TERMINALS = 5;
/** Hours with conflicts that are remembered: their rows of all logic versions come one by one. */
const MAX_HOURS = 1_000;

/**
 * The same rollups; hours without conflicts cost nothing more. Conflicts are of the raw rows, and
 * the same in each logic version: what one row told, another does not tell again.
 */
export const watchConflicts = (rollups: RollupStore, onNew: (found: NewConflicts) => void): RollupStore => {
  /** By hour, the one that was published longest ago first. */
  const told = new Map<string, number>();
  const tell = ({ merchant, time }: RollupKey, conflicts: number): void => {
    const name = `${merchant}/${time}`;
    told.delete(name);
    told.set(name, conflicts);
    if (told.size > MAX_HOURS) told.delete(told.keys().next().value!);
  };
  return {
    read: (...args) => rollups.read(...args),
    scan: (...args) => rollups.scan(...args),
    terminals: (...args) => rollups.terminals(...args),
    async publish(key, expected, next) {
      const isWatched = key.level === 'hour' && next.meta.conflicts > 0;
      const before = isWatched && expected !== null ? await rollups.read(key) : null;
      const isPublished = await rollups.publish(key, expected, next);
      if (!isPublished || !isWatched) return isPublished;
      const known = Math.max(before?.meta.conflicts ?? 0, told.get(`${key.merchant}/${key.time}`) ?? 0);
      const conflicts = next.meta.conflicts - known;
      tell(key, Math.max(known, next.meta.conflicts));
      if (conflicts > 0) {
        const terminals = await terminalsOf(next.parts, before?.parts, conflicts);
        onNew({ merchant: key.merchant, hour: key.time, conflicts, terminals });
      }
      return isPublished;
    },
  };
};

/** The terminals whose parts have more conflicts than before. */
async function terminalsOf(
  parts: Rollup['parts'],
  before: Rollup['parts'] | undefined,
  conflicts: number,
): Promise<TerminalId[]> {
  const terminals: TerminalId[] = [];
  let found = 0;
  for (const [terminal, part] of parts) {
    const earlier = before?.get(terminal);
    const more = (await conflictsOf(part)) - (earlier === undefined ? 0 : await conflictsOf(earlier));
    if (more > 0) terminals.push(terminal);
    found += Math.max(0, more);
    if (found >= conflicts || terminals.length === MAX_TERMINALS) break;
    await nextTurn();
  }
  return terminals.sort();
}

const conflictsOf = async (part: Uint8Array): Promise<number> => tallyOf(await unpackCell(part)).conflicts;
