/**
 * `GET /v1/merchants/{m}/losses`: events that tills lost and the collector does not hold, newest
 * hours first.
 */
import { Buffer } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { epoch, ID_PATTERN, streamId, type TerminalId, terminalId } from '../../shared/ids.ts';
import type { SeqInterval } from '../../shared/seq-ranges.ts';
import { hourOf, MAX_TS } from '../../shared/time.ts';
import type { Question } from './admission/question.ts';
import { merchantOf, questionOf } from './guard.ts';
import { type LossPosition, type LossStep, netLosses } from './losses/net-losses.ts';
import type { MetricsDeps } from './metrics-route.ts';
import { badParameter } from './query/problem.ts';

/**
 * Reads of the raw log for one response: years without a loss take several pages instead of one
 * endless request.
 */
const MAX_READS = 10_000;
/** Steps run one after the other; the hours that one step reads are read in parallel. */
const READS_PER_STEP = 4;
/** Damaged records that one page names. */
const MAX_UNREADABLE = 100;
const LAST_HOUR = hourOf(MAX_TS) - 1;

const QuerySchema = Type.Object(
  {
    terminal: Type.Optional(Type.String({ pattern: ID_PATTERN, description: 'Losses of this terminal only.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
    cursor: Type.Optional(
      Type.String({ description: '`next` of the page before. A page may be empty and have a next one.' }),
    ),
  },
  { additionalProperties: false },
);

const encodeCursor = ({ hour, record }: LossPosition): string => {
  const { terminal, epoch, firstSeq, seq } = record ?? {};
  return Buffer.from(JSON.stringify(record === null ? [hour] : [hour, terminal, epoch, firstSeq, seq])).toString(
    'base64url',
  );
};

const isSeq = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

/** @throws Problem 400 */
function decodeCursor(text: string, terminal: TerminalId | undefined): LossPosition {
  try {
    const [hour, ofTerminal, ofEpoch, firstSeq, seq, ...more] = JSON.parse(
      Buffer.from(text, 'base64url').toString(),
    ) as unknown[];
    if (Number.isSafeInteger(hour) && (hour as number) >= -1 && (hour as number) <= LAST_HOUR && more.length === 0) {
      if (ofTerminal === undefined) return { hour: hour as number, record: null };
      const stream = { terminal: terminalId(String(ofTerminal)), epoch: epoch(String(ofEpoch)) };
      if (isSeq(firstSeq) && isSeq(seq) && seq >= firstSeq && (terminal === undefined || terminal === stream.terminal))
        return { hour: hour as number, record: { ...stream, firstSeq, seq } };
    }
  } catch {
    // Falls through to the common error for every cursor that this API did not issue.
  }
  throw badParameter('cursor', 'is not one that this API gave for this terminal');
}

interface LossJson {
  readonly terminal: string;
  readonly stream: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly count: number;
  readonly reason: string;
  readonly at: string;
}

function lossJson({ row: { key }, loss }: NonNullable<LossStep['record']>, [firstSeq, lastSeq]: SeqInterval): LossJson {
  return {
    terminal: key.terminal,
    stream: streamId(key.terminal, key.epoch),
    firstSeq,
    lastSeq,
    count: lastSeq - firstSeq + 1,
    reason: loss.reason,
    at: new Date(loss.at).toISOString(),
  };
}

export function lossesRoute(app: FastifyInstance, deps: MetricsDeps): void {
  const schema = { querystring: QuerySchema, summary: 'Events that tills lost and the collector does not hold' };
  app.get('/v1/merchants/:merchant/losses', { schema }, async (request, reply) => {
    const query = request.query as Static<typeof QuerySchema>;
    const merchant = merchantOf(request);
    const terminal = query.terminal === undefined ? undefined : terminalId(query.terminal);
    const from = query.cursor === undefined ? { hour: LAST_HOUR, record: null } : decodeCursor(query.cursor, terminal);
    const question = questionOf(request);
    const pace = () => {
      question.read(1, 0);
      return question.turn();
    };
    const steps = netLosses(deps.log, { merchant, terminal }, from, pace);
    const page = await pageOf(steps, query.limit ?? 100, question);
    return reply.type('application/json').send(JSON.stringify(page));
  });
}

/** Where the seqs of a damaged record lie. */
type Place = Pick<LossJson, 'terminal' | 'stream' | 'firstSeq' | 'lastSeq'>;

const placeOf = ({ terminal, epoch, firstSeq, count }: NonNullable<LossStep['unreadable']>): Place => ({
  ...{ terminal, stream: streamId(terminal, epoch), firstSeq, lastSeq: firstSeq + count - 1 },
});

interface Page {
  readonly losses: readonly LossJson[];
  readonly next: string | null;
  /** Records that the store has damaged. */
  readonly unreadable?: readonly Place[];
}

async function pageOf(steps: AsyncIterable<LossStep>, limit: number, question: Question): Promise<Page> {
  const losses: LossJson[] = [];
  const unreadable: Place[] = [];
  const page = (next: string | null): Page => ({ losses, next, ...(unreadable.length > 0 && { unreadable }) });
  let reads = 0;
  let before: LossStep['record'] = null;
  for await (const { lost, record, unreadable: damaged, reads: stepReads, next } of steps) {
    await question.turn();
    if (damaged !== undefined && unreadable.length < MAX_UNREADABLE) unreadable.push(placeOf(damaged));
    for (const [firstSeq, lastSeq] of record === null ? [] : lost) {
      const last = losses.at(-1);
      if (last !== undefined && record === before && last.lastSeq + 1 === firstSeq) {
        // A long record takes several steps.
        losses[losses.length - 1] = lossJson(record!, [last.firstSeq, lastSeq]);
        continue;
      }
      if (losses.length >= limit) return page(encodeCursor({ ...next, record: { ...record!.row.key, seq: firstSeq } }));
      losses.push(lossJson(record!, [firstSeq, lastSeq]));
      before = record;
    }
    reads += READS_PER_STEP + stepReads;
    if (reads >= MAX_READS) return page(encodeCursor(next));
  }
  return page(null);
}
