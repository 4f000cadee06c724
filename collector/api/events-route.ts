/**
 * `GET /v1/merchants/{m}/events`: the raw events, each seq once, ordered by hour, terminal, epoch
 * and seq.
 */
import { Buffer } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { FLAG, type TillEvent } from '../../shared/event/event.ts';
import { parseExactJson } from '../../shared/exact-json.ts';
import { type Epoch, epoch, type MerchantId, streamId, type TerminalId, terminalId } from '../../shared/ids.ts';
import { eventsKey, NO_DIGEST } from '../../shared/keys.ts';
import { HOUR_MS, hourOf, MINUTE_MS, type Range } from '../../shared/time.ts';
import { MAX_EVENTS } from '../../shared/wire/batch.ts';
import { eventBytes, toEvents } from '../../shared/wire/event-columns.ts';
import { AGGREGATION_LIMITS } from '../aggregation/limits.ts';
import { readRow, UnreadableRow } from '../aggregation/raw-row.ts';
import { SeqWindow } from '../aggregation/seq-window.ts';
import type { EventLog, RawRow } from '../store/event-log.ts';
import type { Question } from './admission/question.ts';
import { merchantOf, questionOf } from './guard.ts';
import { API_LIMITS } from './limits.ts';
import type { MetricsDeps } from './metrics-route.ts';
import { PeriodQuery, parsePeriod } from './query/period.ts';
import { badParameter, Problem } from './query/problem.ts';

/**
 * Raw events read for one response: a search for a rare `ref` takes several pages instead of one
 * endless request.
 */
const MAX_SCANNED = 200_000;
/** Rows that cannot be read, named in one response. */
const MAX_UNREADABLE = 100;

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

/** Where the next page continues: at this seq of this stream in this hour. */
interface Cursor {
  readonly hour: number;
  readonly terminal: TerminalId;
  readonly epoch: Epoch;
  readonly seq: number;
}

const encodeCursor = ({ hour, terminal, epoch, seq }: Cursor): string =>
  Buffer.from(JSON.stringify([hour, terminal, epoch, seq])).toString('base64url');

/** @throws Problem 400 */
function decodeCursor(text: string, range: Range): Cursor {
  try {
    const [hour, terminal, ofEpoch, seq] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
    const cursor = { terminal: terminalId(String(terminal)), epoch: epoch(String(ofEpoch)) };
    if (Number.isSafeInteger(seq) && Number.isSafeInteger(hour)) {
      const inRange = (hour as number) >= hourOf(range.from) && (hour as number) <= hourOf(range.to - 1);
      if (inRange && (seq as number) > 0) return { ...cursor, hour: hour as number, seq: seq as number };
    }
  } catch {
    // Falls through to the common error for every cursor that this API did not issue.
  }
  throw badParameter('cursor', 'is not one that this API gave for this range');
}

interface Found {
  readonly row: RawRow;
  readonly seq: number;
  readonly event: TillEvent;
}

/** The lowest key of a row that may contain the cursor's event. */
const startAt = (merchant: MerchantId, { hour, terminal, epoch, seq }: Cursor): Uint8Array => {
  const firstSeq = Math.max(1, seq - MAX_EVENTS + 1);
  return eventsKey({ merchant, hour, kind: 'events', terminal, epoch, firstSeq, count: 0, digest: NO_DIGEST });
};

const streamIn = ({ hour, terminal, epoch }: Omit<Cursor, 'seq'>): string => `${hour}/${terminal}/${epoch}`;

/**
 * Yields each seq once: of the row that counts for it, as in the fold (`seq-window.ts`).
 *
 * @param onUnreadable called for each row that is left out because it cannot be read
 * @throws Problem 503 when rows that contradict each other hold too much
 */
async function* eventsFrom(
  log: EventLog,
  merchant: MerchantId,
  range: Range,
  cursor: Cursor | null,
  onUnreadable: (row: RawRow) => void,
  question: Question,
): AsyncGenerator<Found, void, undefined> {
  const from = cursor?.hour ?? hourOf(range.from);
  const options = cursor === null ? {} : { start: startAt(merchant, cursor) };
  let stream = cursor === null ? '' : streamIn(cursor);
  let first = cursor?.seq ?? 0;
  let window = new SeqWindow<Found>();
  for await (const row of log.scan(merchant, from, hourOf(range.to - 1) + 1, options)) {
    question.read(1, row.bytes.length);
    await question.turn();
    const { kind, firstSeq, count } = row.key;
    if (kind === 'losses') continue;
    if (streamIn(row.key) !== stream) {
      yield* foundFrom(window.claims, first);
      stream = streamIn(row.key);
      first = 0;
      window = new SeqWindow();
    }
    yield* foundFrom(window.advance(firstSeq).claims, first);
    if (firstSeq + count <= first || window.isCovered(count, row.arrival)) continue;
    const events = eventsOf(row, onUnreadable);
    if (events === null) continue;
    const rivals = window.claims.length;
    const found = events.map((event, at) => ({ row, seq: firstSeq + at, event }));
    window.claim(found, row.arrival);
    if (rivals > 0 && bytesOf(window.claims) > AGGREGATION_LIMITS.foldWindowBytes.value) throw contradiction();
  }
  yield* foundFrom(window.claims, first);
}

function* foundFrom(claims: readonly Found[], firstSeq: number): Generator<Found, void, undefined> {
  for (const found of claims) if (found.seq >= firstSeq) yield found;
}

/** @returns null when the row cannot be read */
function eventsOf(row: RawRow, onUnreadable: (row: RawRow) => void): readonly TillEvent[] | null {
  try {
    const { columns } = readRow(row);
    return columns === null ? null : toEvents(columns);
  } catch (error) {
    if (!(error instanceof UnreadableRow)) throw error;
    onUnreadable(row);
    return null;
  }
}

const bytesOf = (claims: readonly Found[]): number => eventBytes(claims.map(({ event }) => event));

const contradiction = (): Problem =>
  new Problem(503, 'an hour of this range holds batches that contradict each other in too many events to list them');

/** The event as the till sent it, with its stream, seq and arrival time. */
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
    ...((event.flags & FLAG.clockSuspect) !== 0 && { clockSuspect: true }),
    ...(amount !== null && { amount }),
    ...(currency !== null && { currency }),
    ...(ref !== null && { ref }),
    store: event.store,
    dims: Object.fromEntries(Array.from({ length: dims.length / 2 }, (_, i) => [dims[2 * i]!, dims[2 * i + 1]!])),
    items: items.map(({ sku, qty, price, amount }) => ({
      sku,
      qty: qty / 1000,
      ...(price !== null && { price }),
      ...(amount !== undefined && { amount }),
    })),
    ...(attrs !== null && { attrs: parseExactJson(attrs) }),
  };
}

export function eventsRoute(app: FastifyInstance, deps: MetricsDeps): void {
  const schema = { querystring: QuerySchema, summary: 'The raw events' };
  app.get('/v1/merchants/:merchant/events', { schema }, async (request, reply) => {
    const query = request.query as Static<typeof QuerySchema>;
    const { range } = parsePeriod(query, deps.now());
    const limit = query.limit ?? 100;
    const cursor = query.cursor === undefined ? null : decodeCursor(query.cursor, range);
    const question = questionOf(request);
    const events: string[] = [];
    let next: string | null = null;
    let scanned = 0;
    let length = 0;
    const unreadable: Record<string, unknown>[] = [];
    const onUnreadable = ({ key }: RawRow): void => {
      const { terminal, epoch, firstSeq, count, hour } = key;
      const stream = streamId(terminal, epoch);
      const t = new Date(hour * HOUR_MS).toISOString();
      if (unreadable.length < MAX_UNREADABLE)
        unreadable.push({ t, terminal, stream, firstSeq, lastSeq: firstSeq + count - 1 });
    };
    for await (const found of eventsFrom(deps.log, merchantOf(request), range, cursor, onUnreadable, question)) {
      const { event, row, seq } = found;
      if (events.length >= limit || scanned >= MAX_SCANNED || length >= API_LIMITS.eventsPageBytes.value) {
        next = encodeCursor({ ...row.key, seq });
        break;
      }
      scanned++;
      await question.turn();
      if (event.ts < range.from || event.ts >= range.to) continue;
      if (query.type !== undefined && event.type !== query.type) continue;
      if (query.ref !== undefined && event.ref !== query.ref) continue;
      const text = JSON.stringify(toJson(found));
      events.push(text);
      length += text.length;
    }
    const rest = JSON.stringify({ next, ...(unreadable.length > 0 && { unreadable }) }).slice(1);
    return reply.type('application/json').send(`{"events":[${events.join(',')}],${rest}`);
  });
}
