/** Repairs by the usual path: a due mark that names all terminals of the hour or day. */
import { Slices } from '../../../shared/cooperative.ts';
import { minuteOf } from '../../../shared/time.ts';
import type { AuditOptions, Mismatch } from './find-mismatches.ts';
import { rawTerminals } from './raw-keys.ts';

/** A due mark's cell stays small, however many terminals there are. */
const TERMINALS_PER_MARK = 1_000;

/** @returns false when nothing is left to repair from: what is published stays */
export async function repair(
  { merchant, level, time }: Pick<Mismatch, 'merchant' | 'level' | 'time'>,
  { stores, now }: Pick<AuditOptions, 'stores' | 'now'>,
): Promise<boolean> {
  const [from, to] = level === 'hour' ? [time, time + 1] : [time * 24, (time + 1) * 24];
  const terminals = [...(await rawTerminals(stores.log, merchant, from, to, new Slices()))];
  if (terminals.length === 0) return false;
  const mark = { minute: minuteOf(now()) + 1, merchant, level, time };
  const marks = [];
  for (let at = 0; at < terminals.length; at += TERMINALS_PER_MARK)
    marks.push({ ...mark, terminals: terminals.slice(at, at + TERMINALS_PER_MARK) });
  await stores.marks.add(marks);
  return true;
}
