/**
 * The terminals that may still send events of the past. Pure.
 *
 * Each epoch that is not over holds its terminal's clearance back: it is over when a later status
 * of the same buffer says so and knows all of its seqs (a clone of the buffer does not), when
 * nothing was heard of it for seven days (dormant), or when the terminal is retired.
 */
import type { TerminalId } from '../../shared/ids.ts';
import { DAY_MS } from '../../shared/time.ts';
import type { EpochClearance, TerminalClearances } from './finality.ts';

/** Design, Clearance: a terminal that is silent for so long is no longer waited for. */
export const DORMANT_MS = 7 * DAY_MS;

export interface WaitedTerminal {
  readonly terminal: TerminalId;
  /** The least of its epochs that are not over, milliseconds since 1970; 0: unknown. */
  readonly clearThrough: number;
  /** Of that epoch, milliseconds since 1970. */
  readonly lastSeen: number;
}

/** @param now milliseconds since 1970 */
export function waitedTerminals(terminals: readonly TerminalClearances[], now: number): WaitedTerminal[] {
  const waited: WaitedTerminal[] = [];
  for (const { terminal, isRetired, epochs } of terminals) {
    if (isRetired) continue;
    let least: EpochClearance | null = null;
    for (const epoch of openEpochs(epochs, now))
      if (least === null || epoch.clearThrough < least.clearThrough) least = epoch;
    if (least !== null) waited.push({ terminal, clearThrough: least.clearThrough, lastSeen: least.lastSeen });
  }
  return waited;
}

function openEpochs(epochs: readonly EpochClearance[], now: number): EpochClearance[] {
  const closedThrough = new Map<string, number>();
  for (const { closed } of epochs)
    for (const [epoch, lastSeq] of closed) closedThrough.set(epoch, Math.max(lastSeq, closedThrough.get(epoch) ?? 0));
  return epochs.filter(
    ({ epoch, lastSeq, lastSeen }) => now - lastSeen < DORMANT_MS && !(lastSeq <= (closedThrough.get(epoch) ?? -1)),
  );
}

/** When any of them was heard of last, milliseconds since 1970; null: none ever was. */
export const lastHeard = (terminals: readonly TerminalClearances[]): number | null =>
  terminals
    .flatMap(({ epochs }) => epochs)
    .reduce<number | null>((last, { lastSeen }) => Math.max(last ?? 0, lastSeen), null);
