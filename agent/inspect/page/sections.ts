/** The sections of the page. Each one is replaced on its own when it changes. */
import { type EventView, HIDDEN } from '../facts/event-view.ts';
import { seqs } from '../losses.ts';
import { count, hourAgo, instant, number, size } from '../terminal/format.ts';
import { formatMoney } from '../terminal/format-money.ts';
import { formatTimeToFull, notFilling } from '../terminal/format-time-to-full.ts';
import { chart } from './chart.ts';
import { html, type Markup } from './markup.ts';
import type { InspectReport } from './report.ts';

/** UTC as served; the page's script converts it to the browser's time zone. */
const time = (iso: string): Markup => html`<time datetime="${iso}">${instant(Date.parse(iso))}</time>`;

interface Column {
  readonly title: string;
  readonly number?: boolean;
}

/**
 * ARIA roles are explicit: a narrow screen shows rows as blocks, which removes the implicit ones.
 */
function table(
  kind: 'events' | 'losses' | 'log',
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly (Markup | string)[])[],
): Markup {
  const cellClass = ({ number }: Column): string => (number ? 'number' : '');
  return html`<div class="wide"><table class="records ${kind}" role="table"><caption class="unseen">${caption}</caption><thead role="rowgroup"><tr role="row">${columns.map(
    (column) => html`<th scope="col" role="columnheader" class="${cellClass(column)}">${column.title}</th>`,
  )}</tr></thead><tbody role="rowgroup">${rows.map(
    (row) =>
      html`<tr role="row">${row.map(
        (cell, at) =>
          html`<td role="cell" data-label="${columns[at]!.title}" class="${cellClass(columns[at]!)}">${cell}</td>`,
      )}</tr>`,
  )}</tbody></table></div>`;
}

const MARK = { good: '●', warn: '▲', bad: '■' } as const;

function stateSection({ state }: InspectReport): Markup {
  const { level, title, words: sentences } = state;
  return html`<div class="state ${level}"><h2><span aria-hidden="true">${MARK[level]}</span> ${title}</h2>${sentences.map((line) => html`<p>${line}</p>`)}</div>`;
}

interface Tile {
  readonly name: string;
  readonly value: string;
  readonly note: string;
  readonly level?: 'warn' | 'bad';
}

function tiles({ buffer, at, connected }: InspectReport): readonly Tile[] {
  if (buffer === null) return [];
  const { pending, oldestPending, acked, quarantined, losses, bytes, maxBytes, hoursUntilFull } = buffer;
  const share = (100 * bytes) / maxBytes;
  return [
    {
      name: 'Pending',
      value: number(pending),
      note:
        oldestPending === null ? 'nothing to ship' : `oldest: ${hourAgo(Date.parse(at) - Date.parse(oldestPending))}`,
    },
    {
      name: 'Full in',
      value: hoursUntilFull === null ? '—' : formatTimeToFull(hoursUntilFull),
      note: hoursUntilFull === null ? notFilling(connected) : hoursUntilFull > 0 ? "at today's rate" : 'no room left',
      ...(hoursUntilFull !== null && hoursUntilFull < 24 ? { level: hoursUntilFull < 4 ? 'bad' : 'warn' } : {}),
    },
    {
      name: 'Size',
      value: size(bytes),
      note: `${share < 0.1 ? 'under 0.1' : share.toFixed(1)} % of ${size(maxBytes)}`,
    },
    { name: 'Acknowledged', value: number(acked), note: 'kept for support' },
    {
      name: 'Quarantined',
      value: number(quarantined),
      note: quarantined === 0 ? 'none refused' : 'refused by the collector',
      ...(quarantined > 0 ? { level: 'warn' as const } : {}),
    },
    {
      name: 'Lost',
      value: number(losses.events),
      note:
        losses.unsent === 0 ? 'all reported to the collector' : `${count(losses.unsent, 'record')} not reported yet`,
      ...(losses.events > 0 ? { level: 'bad' as const } : {}),
    },
  ];
}

const figuresSection = (report: InspectReport): Markup =>
  html`<h2 class="unseen">Figures</h2><dl class="tiles">${tiles(report).map(
    ({ name, value, note, level }) =>
      html`<div class="${level === undefined ? 'tile' : `tile ${level}`}"><dt>${name}</dt><dd class="value">${value}</dd><dd class="note">${note}</dd></div>`,
  )}</dl>`;

const historySection = ({ history }: InspectReport): Markup =>
  html`<h2>Over time</h2><div class="charts">${chart(
    { title: 'Pending events', unit: 'event', value: ({ pending }) => pending, shape: 'area' },
    history,
  )}${chart({ title: 'Events accepted from the till', unit: 'event', value: ({ taken }) => taken, shape: 'bars' }, history)}</div>`;

const STATE_LABELS = { pending: 'pending', acked: 'acknowledged', quarantined: 'quarantined' } as const;

function details({ state, event, flags, reason, fault }: EventView): string {
  const dims = Object.entries(event?.dims ?? {})
    .filter(([, value]) => value !== HIDDEN)
    .map(([key, value]) => `${key} ${value}`);
  const items = event?.items === undefined ? [] : [count(event.items.length, 'item')];
  return [
    ...(fault === null ? [] : [`cannot be read: ${fault}`]),
    ...(reason === null ? [] : [state === 'quarantined' ? reason : `was quarantined: ${reason}`]),
    ...items,
    ...dims,
    ...(flags.includes('clockSuspect') ? ['clock suspect'] : []),
    ...(flags.includes('masked') ? ['masked'] : []),
  ].join(', ');
}

function eventTable(caption: string, events: readonly EventView[]): Markup {
  return table(
    'events',
    caption,
    [
      { title: 'Time' },
      { title: 'Type' },
      { title: 'Amount', number: true },
      { title: 'Ref' },
      { title: 'State' },
      { title: 'Seq', number: true },
      { title: 'Details' },
    ],
    events.map((view) => [
      view.event === null ? '' : time(new Date(view.event.ts).toISOString()),
      view.event?.type ?? '',
      `${formatMoney(view.event?.amount, view.event?.currency)} ${view.event?.currency ?? ''}`.trim(),
      view.event?.ref ?? '',
      html`<span class="chip ${view.state}">${STATE_LABELS[view.state]}</span>`,
      String(view.seq),
      details(view),
    ]),
  );
}

const eventsSection = ({ events, unread }: InspectReport): Markup =>
  html`<h2>Latest events</h2>${unread.map((message) => html`<p class="fault">${message}</p>`)}${
    events.length === 0 ? html`<p class="faint">None.</p>` : eventTable('The latest events from the till', events)
  }`;

const quarantineSection = ({ quarantined }: InspectReport): Markup =>
  html`<h2>Quarantine</h2>${
    quarantined.length === 0
      ? html`<p class="faint">The collector has refused no event.</p>`
      : html`${eventTable('Events that the collector refused', quarantined)}<p class="faint">When the collector accepts them, requeue them with: <code>tillstream-agent requeue --all</code></p>`
  }`;

const lossesSection = ({ losses }: InspectReport): Markup =>
  html`<h2>Lost</h2>${
    losses.length === 0
      ? html`<p class="faint">Nothing was lost.</p>`
      : table(
          'losses',
          'Events that this till lost',
          [
            { title: 'Recorded' },
            { title: 'Reason' },
            { title: 'Events', number: true },
            { title: 'Hour' },
            { title: 'Seqs', number: true },
            { title: 'Reported' },
            { title: 'Detail' },
          ],
          losses.map((loss) => [
            time(loss.at),
            loss.reason,
            number(loss.count),
            time(loss.hour),
            seqs(loss.firstSeq, loss.lastSeq),
            loss.sent ? 'yes' : 'not yet',
            loss.detail ?? '',
          ]),
        )
  }`;

const connectionSection = ({ connections }: InspectReport): Markup =>
  html`<h2>Connection</h2>${
    connections.length === 0
      ? html`<p class="faint">Nothing yet.</p>`
      : table(
          'log',
          'Events of the connection to the collector, newest first',
          [{ title: 'Time' }, { title: 'Event' }],
          connections.map(({ at, level, words: message, times }) => [
            time(at),
            html`<span class="${level}">${message}${times > 1 ? ` (${number(times)} times)` : ''}</span>`,
          ]),
        )
  }`;

const settingsSection = ({ settings, version, startedAt, at }: InspectReport): Markup =>
  html`<h2>Agent</h2><dl class="settings"><dt>version</dt><dd>${version}</dd><dt>running since</dt><dd>${time(startedAt)}</dd><dt>clock</dt><dd>${time(at)}</dd>${settings.map(
    ([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`,
  )}</dl>`;

/** The sections by their HTML ids, in page order. */
export const SECTIONS: Readonly<Record<string, (report: InspectReport) => Markup>> = {
  state: stateSection,
  figures: figuresSection,
  history: historySection,
  connection: connectionSection,
  events: eventsSection,
  quarantine: quarantineSection,
  losses: lossesSection,
  agent: settingsSection,
};
