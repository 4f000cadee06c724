/** Estimates how long the buffer lasts at today's rate. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../shared/time.ts';
import type { BufferStats } from '../port/buffer-reader.ts';
import type { HistorySample, SampleHistory } from './sample-history.ts';

/** Shortest period from which a rate is estimated. */
const LEAST_MS = 5 * MINUTE_MS;

export interface Room {
  readonly maxBytes: number;
  /** Free space of the file system less the reserve to keep free. */
  readonly diskBytes: number;
}

type StoredSizes = Pick<BufferStats, 'pending' | 'acked' | 'quarantined' | 'usedBytes' | 'fileBytes' | 'walBytes'>;

/** Average size of an event in the file, with its share of the indexes and refs. */
function bytesPerEvent({ pending, acked, quarantined, usedBytes }: StoredSizes): number {
  const events = pending + acked + quarantined;
  return events === 0 ? 0 : usedBytes / events;
}

/** Bytes that can still be stored: acked events are evicted before anything is refused. */
function roomFor(stored: StoredSizes, room: Room): number {
  const reusable = stored.acked * bytesPerEvent(stored);
  const file = room.maxBytes - stored.usedBytes - stored.walBytes;
  const disk = room.diskBytes + (stored.fileBytes - stored.usedBytes);
  return Math.max(0, Math.min(file, disk) + reusable);
}

/**
 * While nothing is shipped, everything accepted stays, and the rate is that of the last 24 hours.
 * While shipping, the rate is the growth of the last hour.
 *
 * @param latest the current sample
 * @returns hours; null while the buffer does not fill, or the rate is unknown
 */
export function hoursUntilFull(
  history: SampleHistory,
  latest: HistorySample,
  stored: StoredSizes,
  room: Room,
  shipping: boolean,
): number | null {
  const since = history.before(latest.elapsed - (shipping ? HOUR_MS : DAY_MS));
  if (since === null) return null;
  const lasted = latest.elapsed - since.elapsed;
  if (lasted < LEAST_MS) return null;
  const events = shipping ? latest.pending - since.pending : latest.accepted - since.accepted;
  const bytes = events * bytesPerEvent(stored);
  if (bytes <= 0) return null;
  return roomFor(stored, room) / (bytes / lasted) / HOUR_MS;
}
