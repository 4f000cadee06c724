/**
 * Plays events through tills: each ref always at the same till, each till in order, tills in
 * parallel.
 *
 * Memory is bounded by the queues. A till that is blocked blocks the reading, so a replay never
 * runs far ahead of its slowest till.
 */
import type { Receipt, TillEvent } from '../clients/till-event.ts';
import { Queue } from './bounded-queue.ts';
import { Pace } from './pace.ts';

export interface Sender {
  send(events: readonly TillEvent[], signal: AbortSignal): Promise<Receipt>;
}

export interface PlayOptions {
  /** Times real time; Infinity: as fast as the agents answer. */
  readonly speed: number;
  /** Maximum number of events per post. */
  readonly batch: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Called after each answer. */
  readonly onProgress?: (tally: Readonly<Tally>) => void;
}

export interface Tally {
  sent: number;
  accepted: number;
  duplicates: number;
  retries: number;
}

interface Due {
  readonly event: TillEvent;
  /** Milliseconds since 1970. */
  readonly at: number;
}

const QUEUED_EVENTS = 256;

/** @throws the error of a till or of the reading, once the others have ended */
export async function play(
  events: AsyncIterable<TillEvent>,
  tills: readonly Sender[],
  options: PlayOptions,
): Promise<Tally> {
  const tally: Tally = { sent: 0, accepted: 0, duplicates: 0, retries: 0 };
  const pace = new Pace(options.speed, options.now);
  const fault = new AbortController();
  const signal = AbortSignal.any([options.signal, fault.signal]);
  const queues = tills.map(() => new Queue<Due>(QUEUED_EVENTS));

  const runs = tills.map((till, index) => playLane(till, queues[index]!, { ...options, signal }, pace, tally));
  const reading = deal(events, queues, signal);
  const all = [...runs, reading].map((run) =>
    run.catch((error: unknown) => {
      if (!fault.signal.aborted) fault.abort(error);
      throw error;
    }),
  );
  for (const outcome of await Promise.allSettled(all)) {
    // An aborted timer or request throws a less useful error than the abort's reason.
    if (outcome.status === 'rejected') throw options.signal.aborted ? options.signal.reason : fault.signal.reason;
  }
  return tally;
}

async function playLane(
  till: Sender,
  queue: Queue<Due>,
  options: PlayOptions,
  pace: Pace,
  tally: Tally,
): Promise<void> {
  const { signal, batch, onProgress } = options;
  try {
    for (let first = await queue.first(); first !== null; first = await queue.first()) {
      signal.throwIfAborted();
      await pace.due(first.at, signal);
      const post = queue.take(batch, (due) => pace.isDue(due.at)).map((due) => due.event);
      const receipt = await till.send(post, signal);
      tally.sent += post.length;
      tally.accepted += receipt.accepted;
      tally.duplicates += receipt.duplicates;
      tally.retries += receipt.retries;
      onProgress?.(tally);
    }
  } finally {
    // The reader must not wait for a till that has failed.
    queue.close();
  }
}

async function deal(
  events: AsyncIterable<TillEvent>,
  queues: readonly Queue<Due>[],
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const event of events) {
      signal.throwIfAborted();
      await queues[laneOf(event.ref, queues.length)]!.push({ event, at: Date.parse(event.ts) });
    }
  } finally {
    for (const queue of queues) queue.end();
  }
}

/**
 * Stable across replays and parts of the file, because a repeated ref must reach the agent that
 * knows it. (FNV-1a, 32 bits.)
 */
function laneOf(ref: string, lanes: number): number {
  let hash = 0x811c9dc5;
  for (const char of ref) hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193) >>> 0;
  return hash % lanes;
}
