/** How long the buffer lasts at today's rate. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../shared/time.ts';
import type { BufferStats } from '../port/buffer-reader.ts';
import type { HistorySample, SampleHistory } from './sample-history.ts';

/** Less than this tells no rate. */
const LEAST_MS = 5 * MINUTE_MS;

export interface Room {
  readonly maxBytes: number;
  /** What the file system has left, less what is to stay free. */
  readonly diskBytes: number;
}

type Held = Pick<BufferStats, 'pending' | 'acked' | 'quarantined' | 'usedBytes' | 'fileBytes' | 'walBytes'>;

/** Of an event in the file, with its share of the indexes and refs. */
function bytesAnEvent({ pending, acked, quarantined, usedBytes }: Held): number {
  const events = pending + acked + quarantined;
  return events === 0 ? 0 : usedBytes / events;
}

/** What can still be stored: acked events make room before anything is refused. */
function roomFor(held: Held, room: Room): number {
  const reusable = held.acked * bytesAnEvent(held);
  const file = room.maxBytes - held.usedBytes - held.walBytes;
  const disk = room.diskBytes + (held.fileBytes - held.usedBytes);
  return Math.max(0, Math.min(file, disk) + reusable);
}

/**
 * While nothing is shipped, all that is accepted stays: the rate is that of the last 24 hours. While something is, only the growth of the
 * last hour does.
 *
 * @param latest as it is now
 * @returns hours; null while it does not fill, or nothing is known of the rate yet
 */
export function hoursUntilFull(
  history: SampleHistory,
  latest: HistorySample,
  held: Held,
  room: Room,
  shipping: boolean,
): number | null {
  const since = history.before(latest.elapsed - (shipping ? HOUR_MS : DAY_MS));
  if (since === null) return null;
  const lasted = latest.elapsed - since.elapsed;
  if (lasted < LEAST_MS) return null;
  const events = shipping ? latest.pending - since.pending : latest.accepted - since.accepted;
  const bytes = events * bytesAnEvent(held);
  if (bytes <= 0) return null;
  return roomFor(held, room) / (bytes / lasted) / HOUR_MS;
}
