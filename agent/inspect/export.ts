/** `export`: events as NDJSON, each as its till could have posted it, with its identity beside. */
import { redact } from '../../shared/event/card-data/card-data.ts';
import type { TillEvent } from '../../shared/event/event.ts';
import type { BufferReader, EventFilter, StoredEvent } from '../port/buffer-reader.ts';
import { eventJson, flagNames } from './facts/event-json.ts';
import { maskForDisplay } from './facts/mask-event.ts';
import { eventPages } from './facts/paging.ts';
import type { CliOutput } from './terminal/cli-output.ts';
import { count, iso, number } from './terminal/format.ts';

function line(stored: StoredEvent, given: TillEvent): string {
  const event = maskForDisplay(given);
  const { stream, seq, state, at, reason } = stored;
  return `${JSON.stringify({
    stream,
    seq,
    state,
    at: iso(at),
    ...(reason === null ? {} : { reason: redact(reason) }),
    store: event.store,
    flags: flagNames(event),
    event: eventJson(event),
  })}\n`;
}

/** @returns whether all of the file could be read */
export async function exportEvents(
  reader: BufferReader,
  filter: EventFilter,
  limit: number,
  screen: CliOutput,
): Promise<boolean> {
  let written = 0;
  let unread = 0;
  const damage: string[] = [];
  for await (const page of eventPages(reader, filter, 'oldest')) {
    const lines: string[] = [];
    for (const stored of page.events) {
      if (written === limit) break;
      if (stored.event === null) {
        unread++;
        damage.push(`${stored.stream} seq ${stored.seq} cannot be read: ${stored.fault}`);
        continue;
      }
      written++;
      lines.push(line(stored, stored.event));
    }
    if (lines.length > 0) await screen.result(lines.join(''));
    screen.progress('exporting', page.progress);
    if (written === limit) break;
    damage.push(...page.damage);
  }
  screen.progress('exporting', 1);
  for (const words of damage) screen.message(screen.paint.bad(words));
  screen.message(`${count(written, 'event')} exported${unread > 0 ? `, ${number(unread)} could not be read` : ''}.`);
  return damage.length === 0;
}
