/** `GET /v1/merchants/{m}/events`: the raw events, each seq once, in order of hour, terminal, epoch and seq. */
import { Buffer } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import type { TillEvent } from '../../shared/event/event.ts';
import { type MerchantId, streamId, type TerminalId } from '../../shared/ids.ts';
import { eventsPrefix } from '../../shared/keys.ts';
import { hourOf, MINUTE_MS, type Range } from '../../shared/time.ts';
import { readRow } from '../logic/raw-row.ts';
import type { EventLog, RawRow } from '../store/event-log.ts';
import type { MetricsDeps } from './metrics-route.ts';
import { PeriodQuery, parsePeriod } from './period.ts';
import { badParameter } from './problem.ts';

/** Raw events looked at for one answer: a rare `ref` comes page by page, not by one endless request. */
const MAX_LOOKED_AT = 200_000;

const QuerySchema = Type.Object(
  {
    from: PeriodQuery.from,
    to: PeriodQuery.to,
    tz: PeriodQuery.tz,
    type: Type.Optional(Type.String({ description: 'Events of this type only.' })),
    ref: Type.Optional(Type.String({ description: "The event with this id of the till's own." })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
    cursor: Type.Optional(Type.String({ description: '`next` of the page before.' })),
  },
  { additionalProperties: false },
);

/** Where the next page goes on: in this hour, at this seq of this stream. */
interface Cursor {
  readonly hour: number;
  /** `terminal`, 0x00, `epoch`: sorts as rows do; '' before the first. */
  readonly stream: string;
  readonly seq: number;
}

const encodeCursor = ({ hour, stream, seq }: Cursor): string =>
  Buffer.from(JSON.stringify([hour, stream, seq])).toString('base64url');

function decodeCursor(text: string): Cursor {
  try {
    const [hour, stream, seq] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
    if (Number.isSafeInteger(hour) && typeof stream === 'string' && Number.isSafeInteger(seq)) {
      return { hour: hour as number, stream, seq: seq as number };
    }
  } catch {
    // Falls through to the one answer for every cursor that is not ours.
  }
  throw badParameter('cursor', 'is not one that this API gave');
}

const streamOf = ({ key }: RawRow): string => `${key.terminal}\0${key.epoch}`;

interface Found {
  readonly row: RawRow;
  readonly seq: number;
  readonly event: TillEvent;
}

/** Each seq once, as in the fold: the lower row key wins. */
async function* eventsFrom(log: EventLog, merchant: MerchantId, range: Range, cursor: Cursor): AsyncIterable<Found> {
  let at = cursor;
  const [terminal] = cursor.stream.split('\0') as [TerminalId | ''];
  const start =
    terminal === '' ? eventsPrefix(merchant, cursor.hour) : eventsPrefix(merchant, cursor.hour, 'events', terminal);
  for await (const row of log.scan(merchant, cursor.hour, hourOf(range.to - 1) + 1, { start })) {
    const { hour, firstSeq } = row.key;
    const stream = streamOf(row);
    if (hour === at.hour && stream < at.stream) continue;
    if (hour !== at.hour || stream !== at.stream) at = { hour, stream, seq: 0 };
    const { events } = readRow(row);
    for (let i = Math.max(0, at.seq - firstSeq); i < (events?.length ?? 0); i++)
      yield { row, seq: firstSeq + i, event: events![i]! };
    if (events !== null) at = { ...at, seq: Math.max(at.seq, firstSeq + events.length) };
  }
}

/** As the till sent it, with where it is and when it came. */
function toJson({ row, seq, event }: Found): Record<string, unknown> {
  const { ts, offset, dims, items, attrs, amount, currency, ref } = event;
  const local = new Date(ts + offset * MINUTE_MS).toISOString().slice(0, -1);
  const zone = `${offset < 0 ? '-' : '+'}${new Date(Math.abs(offset) * MINUTE_MS).toISOString().slice(11, 16)}`;
  return {
    terminal: row.key.terminal,
    stream: streamId(row.key.terminal, row.key.epoch),
    seq,
    arrival: new Date(row.arrival).toISOString(),
    type: event.type,
    ts: `${local}${zone}`,
    ...(amount !== null && { amount }),
    ...(currency !== null && { currency }),
    ...(ref !== null && { ref }),
    store: event.store,
    dims: Object.fromEntries(Array.from({ length: dims.length / 2 }, (_, i) => [dims[2 * i]!, dims[2 * i + 1]!])),
    items: items.map(({ sku, qty, price }) => ({ sku, qty: qty / 1000, price })),
    ...(attrs !== null && { attrs: JSON.parse(attrs) as unknown }),
  };
}

export function eventsRoute(app: FastifyInstance, deps: MetricsDeps): void {
  const schema = { querystring: QuerySchema, summary: 'The raw events' };
  app.get('/v1/merchants/:merchant/events', { schema }, async (request, reply) => {
    const merchant = await deps.auth.merchant(request);
    const query = request.query as Static<typeof QuerySchema>;
    const { range } = parsePeriod(query, deps.now());
    const limit = query.limit ?? 100;
    const start =
      query.cursor === undefined ? { hour: hourOf(range.from), stream: '', seq: 0 } : decodeCursor(query.cursor);
    const events: Record<string, unknown>[] = [];
    let next: string | null = null;
    let lookedAt = 0;
    for await (const found of eventsFrom(deps.log, merchant, range, start)) {
      const { event, row, seq } = found;
      if (events.length >= limit || lookedAt >= MAX_LOOKED_AT) {
        next = encodeCursor({ hour: row.key.hour, stream: streamOf(row), seq });
        break;
      }
      lookedAt++;
      if (event.ts < range.from || event.ts >= range.to) continue;
      if (query.type !== undefined && event.type !== query.type) continue;
      if (query.ref !== undefined && event.ref !== query.ref) continue;
      events.push(toJson(found));
    }
    return reply.type('application/json').send(JSON.stringify({ events, next }));
  });
}
