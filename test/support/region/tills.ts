/** What tills say of their completeness, as ingest stores it. */
import { type TerminalStatus, Terminals } from '../../../collector/store/terminals.ts';
import { epoch, terminalId } from '../../../shared/ids.ts';
import { minuteOf } from '../../../shared/time.ts';
import type { Region } from './region.ts';

export const E1 = epoch('00000000000000e1');
export const E2 = epoch('00000000000000e2');

/** A status at the region's clock, and the due mark that follows it. */
export async function say(
  region: Region,
  terminal: string,
  clearThrough: number,
  more: Partial<TerminalStatus> = {},
): Promise<void> {
  const status: TerminalStatus = {
    ...{ merchant: region.merchant, terminal: terminalId(terminal), epoch: E1, lastSeen: region.now },
    ...{ lastSeq: 0, pending: [], clearThrough, closed: [] },
    ...{ losses: 0, bufferBytes: 0, clockOffsetMs: 0, version: '0' },
    ...more,
  };
  await new Terminals(region.tables).putStatuses([status]);
  await advance(region);
}

/** A status of `by` that says that an epoch is over; its own, when it signs off. */
export const closeEpoch = (
  region: Region,
  terminal: string,
  over: typeof E1,
  lastSeq: number,
  by: typeof E1,
): Promise<void> => say(region, terminal, region.now - 60_000, { epoch: by, lastSeq, closed: [[over, lastSeq]] });

export async function retire(region: Region, terminal: string): Promise<void> {
  const of = { merchant: region.merchant, terminal: terminalId(terminal) };
  const registration = { ...of, store: null, state: 'retired', tokens: [], createdAt: 0 } as const;
  await new Terminals(region.tables).register(registration, null);
  await advance(region);
}

const advance = (region: Region): Promise<void> =>
  region.marks.add([
    { minute: minuteOf(region.now) + 1, merchant: region.merchant, level: 'finality', time: 0, terminals: [] },
  ]);

/** Milliseconds since 1970; null: nothing is final. */
export const finalThrough = async (region: Region): Promise<number | null> =>
  (await region.finality.record(region.merchant))?.through ?? null;
