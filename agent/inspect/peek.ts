/** `peek`: shows some events. */
import type { BufferReader, EventFilter } from '../port/buffer-reader.ts';
import { type EventView, eventView } from './facts/event-view.ts';
import { eventPages } from './facts/paging.ts';
import type { CliOutput } from './terminal/cli-output.ts';
import type { Colors } from './terminal/colors.ts';
import { count, instant } from './terminal/format.ts';
import { formatMoney } from './terminal/format-money.ts';
import { printable, table } from './terminal/table.ts';

export interface PeekOptions {
  readonly filter: EventFilter;
  readonly order: 'oldest' | 'newest';
  readonly limit: number;
  /** Shows what is hidden by default; card data is never shown. */
  readonly showValues: boolean;
}

export interface Peek {
  readonly events: readonly EventView[];
  /** Whether more events match the filter. */
  readonly more: boolean;
  /** Descriptions of what cannot be read. */
  readonly damage: readonly string[];
}

export async function peek(
  reader: BufferReader,
  options: PeekOptions,
  progress: (share: number) => void,
): Promise<Peek> {
  const events: EventView[] = [];
  const damage: string[] = [];
  for await (const page of eventPages(reader, options.filter, options.order)) {
    for (const stored of page.events) {
      if (events.length === options.limit) return { events, more: true, damage };
      events.push(eventView(stored, options.showValues));
    }
    damage.push(...page.damage);
    progress(page.progress);
  }
  return { events, more: false, damage };
}

const STATE_COLORS = { pending: 'strong', acked: 'faint', quarantined: 'bad' } as const;

function remarks({ state, event, flags, reason, fault }: EventView): string {
  const dims = Object.entries(event?.dims ?? {}).map(([key, value]) => `${key}=${value}`);
  const items = event?.items === undefined ? [] : [count(event.items.length, 'item')];
  const attrs = event?.attrs === undefined ? [] : [`attrs=${JSON.stringify(event.attrs)}`];
  const set = reason === null ? [] : [`${state === 'quarantined' ? '' : 'was '}quarantined: ${reason}`];
  const unread = fault === null ? [] : [`cannot be read: ${fault}`];
  return [...unread, ...set, ...items, ...dims, ...attrs, ...flags].join(' ');
}

function eventTable(events: readonly EventView[], colors: Colors): string {
  const rows = events.map((view) => [
    printable(view.stream),
    String(view.seq),
    colors[STATE_COLORS[view.state]](view.state),
    view.event === null ? '' : instant(Date.parse(view.event.ts)),
    view.event?.type ?? '',
    formatMoney(view.event?.amount, view.event?.currency),
    view.event?.currency ?? '',
    printable(view.event?.ref ?? ''),
    printable(remarks(view)),
  ]);
  return table(
    [
      { title: 'STREAM' },
      { title: 'SEQ', align: 'right' },
      { title: 'STATE' },
      { title: 'TIME' },
      { title: 'TYPE' },
      { title: 'AMOUNT', align: 'right' },
      { title: '' },
      { title: 'REF' },
      { title: 'DETAILS' },
    ],
    rows,
    colors,
  );
}

/** @returns whether everything that was read was intact */
export async function showPeek(
  reader: BufferReader,
  options: PeekOptions,
  json: boolean,
  output: CliOutput,
): Promise<boolean> {
  const found = await peek(reader, options, (share) => output.progress('reading', share));
  output.progress('reading', 1);
  if (json) await output.result(`${JSON.stringify(found)}\n`);
  else if (found.events.length === 0) output.message('No event matches.');
  else await output.result(eventTable(found.events, output.colors));
  if (!json && found.more) output.message(`There are more events; show them with --limit ${2 * options.limit}.`);
  if (!json) for (const message of found.damage) output.message(output.colors.bad(printable(message)));
  return found.damage.length === 0;
}
