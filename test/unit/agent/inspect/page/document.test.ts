import { hash } from 'node:crypto';
import t from 'tap';
import { eventView } from '../../../../../agent/inspect/facts/event-view.ts';
import { niceMaximum } from '../../../../../agent/inspect/page/chart.ts';
import { PAGE_HEADERS, page } from '../../../../../agent/inspect/page/document.ts';
import type { InspectReport } from '../../../../../agent/inspect/page/report.ts';
import { epoch, streamId } from '../../../../../shared/ids.ts';
import { MERCHANT, NOW, parsed, sale, TERMINAL } from '../../../../support/agent/events.ts';

const STREAM = streamId(TERMINAL, epoch('0123456789abcdef'));
const iso = (ms: number): string => new Date(ms).toISOString();

const view = (input: Record<string, unknown>) =>
  eventView(
    { id: 1, stream: STREAM, seq: 1, state: 'pending', at: NOW, reason: null, event: parsed(input), fault: null },
    false,
  );

const report: InspectReport = {
  at: iso(NOW),
  merchant: MERCHANT,
  terminal: TERMINAL,
  version: '1.2.3',
  startedAt: iso(NOW - 60_000),
  state: { level: 'good', title: 'All shipped', words: ['Nothing is pending.'] },
  connected: true,
  buffer: {
    pending: 0,
    oldestPending: null,
    acked: 3,
    quarantined: 0,
    losses: { events: 0, records: 0, unsent: 0 },
    bytes: 1024,
    maxBytes: 1024 ** 3,
    hoursUntilFull: null,
  },
  history: [
    { minutesAgo: 1, pending: 2, taken: 3 },
    { minutesAgo: 0, pending: 0, taken: 0 },
  ],
  events: [view(sale('R-1'))],
  quarantined: [],
  losses: [],
  unread: [],
  connections: [{ at: iso(NOW), level: 'info', words: 'connected', times: 1 }],
  settings: [['buffer', '/x/buffer.db']],
};

t.test('the policy lets the page’s own style and script run, and nothing else', async (t) => {
  const policy = PAGE_HEADERS['content-security-policy']!;
  const text = page(report);
  for (const [element, directive] of [
    ['style', 'style-src'],
    ['script', 'script-src'],
  ] as const) {
    const found = [...text.matchAll(new RegExp(`<${element}>([\\s\\S]*?)</${element}>`, 'g'))];
    t.equal(found.length, 1, `one ${element}`);
    t.match(policy, `${directive} 'sha256-${hash('sha256', found[0]![1]!, 'base64')}'`);
  }
  t.match(policy, "default-src 'none'");
  t.notMatch(text, /\s(style|on[a-z]+)=/, 'no inline styles and handlers, which the policy forbids');
  t.notMatch(text, /(src|href)="(?!data:)/, 'nothing is fetched from anywhere');
});

t.test('what a till or a collector wrote is text, whatever it holds', async (t) => {
  const evil = '<script>alert(1)</script>"\'&\u202e';
  const text = page({
    ...report,
    state: { level: 'bad', title: evil, words: [evil] },
    events: [view(sale(evil, { dims: { cashier: evil } }))],
    connections: [{ at: iso(NOW), level: 'warn', words: evil, times: 2 }],
    settings: [[evil, evil]],
    unread: [evil],
  });
  t.equal(text.match(/<script>/g)!.length, 1);
  t.match(text, '&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\ufffd');
});

t.test('card numbers, customers and attrs are not on the page', async (t) => {
  const text = page({
    ...report,
    events: [view(sale('4111 1111 1111 1111', { dims: { customer: 'Jane' }, attrs: { note: 'wine' } }))],
  });
  t.notMatch(text, /4111 1111 1111|Jane|wine/);
  t.match(text, '**** **** **** 1111');
});

t.test('it has a title, headings, captions and column headers', async (t) => {
  const text = page(report);
  t.match(text, /<title>All shipped – acme\/till-1<\/title>/);
  t.match(text, /<h1>Till acme\/till-1<\/h1>/);
  for (const heading of ['Over time', 'Connection', 'Latest events', 'Quarantine', 'Lost', 'Agent'])
    t.match(text, new RegExp(`<h2>${heading}</h2>`));
  for (const [table] of text.matchAll(/<table[\s\S]*?<\/table>/g)) t.match(table, /<caption[\s\S]*<th scope="col"/);
  t.match(text, /role="img" aria-label="Pending events over the last 30 minutes: at most 2 events\."/);
  t.match(text, /<html lang="en">/);
});

t.test('without a buffer it says so, and has no figures', async (t) => {
  const text = page({
    ...report,
    state: { level: 'bad', title: 'No buffer', words: ['It is gone.'] },
    buffer: null,
    history: [],
    events: [],
    unread: ['cannot be read'],
  });
  t.match(text, /No buffer/);
  t.match(text, /<p class="fault">cannot be read<\/p>/);
  t.match(text, /No data yet: the chart starts after one minute/);
});

t.test('a chart’s scale ends on a round number with a whole half', async (t) => {
  const cases: [number, number][] = [
    [0, 2],
    [2, 2],
    [3, 4],
    [7, 8],
    [9, 10],
    [11, 20],
    [41, 60],
    [100, 100],
    [101, 200],
    [999, 1000],
  ];
  for (const [value, top] of cases) t.equal(niceMaximum(value), top, `${value}`);
});
