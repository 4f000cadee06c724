/**
 * `export`: writes events as NDJSON, each as its till could have posted it, with its identity
 * beside it.
 */
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

/** @returns whether the whole file could be read */
export async function exportEvents(
  reader: BufferReader,
  filter: EventFilter,
  limit: number,
  output: CliOutput,
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
    if (lines.length > 0) await output.result(lines.join(''));
    output.progress('exporting', page.progress);
    if (written === limit) break;
    damage.push(...page.damage);
  }
  output.progress('exporting', 1);
  for (const message of damage) output.message(output.colors.bad(message));
  output.message(`${count(written, 'event')} exported${unread > 0 ? `, ${number(unread)} could not be read` : ''}.`);
  return damage.length === 0;
}
