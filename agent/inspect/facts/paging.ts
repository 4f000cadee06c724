/** Reads a buffer's file page by page, and yields to the event loop between pages. */
import { setImmediate } from 'node:timers/promises';
import type { BufferReader, EventFilter, EventPage, StoredLoss } from '../../port/buffer-reader.ts';

const LOSSES_AT_ONCE = 500;

export const ANY_EVENT: EventFilter = {
  states: null,
  stream: null,
  seqs: null,
  type: null,
  ref: null,
  from: null,
  to: null,
};

export async function* eventPages(
  reader: BufferReader,
  filter: EventFilter,
  order: 'oldest' | 'newest',
): AsyncGenerator<EventPage> {
  for (let position: number | null = null; ; ) {
    const page = reader.events(filter, position, order);
    yield page;
    if (page.next === null) return;
    position = page.next;
    await setImmediate();
  }
}

/** The whole loss ledger, oldest record first. */
export async function* allLosses(reader: BufferReader): AsyncGenerator<StoredLoss> {
  for (let after = 0; ; ) {
    const page = reader.losses(after, LOSSES_AT_ONCE);
    yield* page;
    if (page.length < LOSSES_AT_ONCE) return;
    after = page.at(-1)!.id;
    await setImmediate();
  }
}
