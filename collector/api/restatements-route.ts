/**
 * `GET /v1/merchants/{m}/restatements`: closed hours whose published figures changed, the oldest
 * change first.
 */
import { Buffer } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import type { MerchantId } from '../../shared/ids.ts';
import { formatInstant, HOUR_MS, hourOf, MAX_TS } from '../../shared/time.ts';
import type { History, KeptRow } from '../store/history/history.ts';
import type { LogicSet } from '../store/logic-versions.ts';
import { type PackedSum, type Rollup, sinceOf } from '../store/rollups/rollup.ts';
import type { Rollups } from '../store/rollups/rollups.ts';
import type { Question } from './admission/question.ts';
import { exact, pieces, type Value } from './figures/metric-catalog.ts';
import { merchantOf, questionOf } from './guard.ts';
import type { MetricsDeps } from './metrics-route.ts';
import { instant } from './query/period.ts';
import { badParameter } from './query/problem.ts';
import { logicRestatements } from './restatements/logic-switches.ts';
import { byPlace, type Place, type Restatement } from './restatements/restatement.ts';

const PER_PAGE = 100;
/** Hours whose rows are read at once. */
const HOURS_PER_READ = 100;
const END = hourOf(MAX_TS);
/** Of the record of what is final, no terminals are asked for. */
const NO_RANGE = { from: 0, to: 0 };

const QuerySchema = Type.Object(
  {
    since: Type.Optional(Type.String({ description: 'Changes from this instant, or local date of UTC, on.' })),
    all: Type.Optional(Type.Boolean({ default: false, description: 'Also of hours that had not been final.' })),
    cursor: Type.Optional(Type.String({ description: '`next` of the page before.' })),
  },
  { additionalProperties: false },
);

const encodeCursor = ({ at, time, revision }: Place): string =>
  Buffer.from(JSON.stringify([at, time, revision])).toString('base64url');

/** @throws Problem 400 */
function decodeCursor(text: string): Place {
  try {
    const place = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
    const [at, time, revision] = place as [number, number, number];
    if (place.length === 3 && place.every((value) => Number.isSafeInteger(value) && (value as number) >= 0))
      return { at, time, revision };
  } catch {
    // Falls through to the common error for every cursor that this API did not issue.
  }
  throw badParameter('cursor', 'is not one that this API gave');
}

interface Source {
  readonly history: Pick<History, 'scan'>;
  readonly rollups: Pick<Rollups, 'readAll'>;
  readonly merchant: MerchantId;
  /** Logic version. */
  readonly logic: number;
  readonly question: Question;
}

/** All that the history has, by hour. */
async function* restatements(source: Source): AsyncIterable<Restatement> {
  let hours: number[] = [];
  for await (const { time } of kept(source, 0, END)) {
    if (hours.at(-1) === time) continue;
    if (hours.length === HOURS_PER_READ) {
      yield* changesOf(source, hours);
      hours = [];
    }
    hours.push(time);
  }
  if (hours.length > 0) yield* changesOf(source, hours);
}

async function* kept({ history, merchant, logic, question }: Source, from: number, to: number): AsyncIterable<KeptRow> {
  for await (const row of history.scan(merchant, 'hour', logic, from, to, { kind: 'meta' })) {
    question.read(1, 0);
    await question.turn();
    yield row;
  }
}

/** @param hours ascending */
async function* changesOf(source: Source, hours: readonly number[]): AsyncIterable<Restatement> {
  const { rollups, merchant, logic } = source;
  const keys = hours.map((time) => ({ merchant, level: 'hour' as const, logic, time }));
  const current = new Map<number, Rollup>();
  for (const row of await rollups.readAll(keys, { kind: 'meta' })) if (row !== null) current.set(row.time, row);
  // Read after them: what they replaced is there.
  let before: KeptRow | null = null;
  for await (const row of kept(source, hours[0]!, hours.at(-1)! + 1)) {
    if (before !== null) yield* changeAfter(before, before.time === row.time ? row : null, current);
    before = row;
  }
  if (before !== null) yield* changeAfter(before, null, current);
}

/** @param next the row that was kept after it, if there is one */
function* changeAfter(
  before: KeptRow,
  next: KeptRow | null,
  current: ReadonlyMap<number, Rollup>,
): Iterable<Restatement> {
  const last = current.get(before.time);
  // Another run was faster than the one that kept it.
  if (last === undefined || before.revision >= last.revision) return;
  const after = next !== null && next.revision < last.revision ? next.row : last;
  const change = after?.meta.change;
  if (after === null || change === undefined) return;
  const { time, revision } = before;
  const { reason, changes } = change;
  yield { at: sinceOf(after.meta), time, revision, reason, changes, wasFinal: change.wasFinal || before.wasFinal };
}

/** Of each logic version what it changed while it was active. */
async function* published(source: Omit<Source, 'logic'>, versions: LogicSet): AsyncIterable<Restatement> {
  const activeAt = versions.activeAt(source.merchant);
  for (const { version } of versions.records) {
    if (!versions.wasActive(source.merchant, version)) continue;
    for await (const restatement of restatements({ ...source, logic: version }))
      if (activeAt(restatement.at) === version) yield restatement;
  }
}

interface Wanted {
  readonly since: number;
  readonly all: boolean;
  readonly after: Place | null;
}

/** One more than a page holds, in order. */
async function pageOf(found: AsyncIterable<Restatement>, { since, all, after }: Wanted): Promise<Restatement[]> {
  const page: Restatement[] = [];
  const cut = (): unknown => page.sort(byPlace).splice(PER_PAGE + 1);
  for await (const restatement of found) {
    if (restatement.at < since || !(all || restatement.wasFinal)) continue;
    if (after !== null && byPlace(restatement, after) <= 0) continue;
    if (page.push(restatement) > 10 * PER_PAGE) cut();
  }
  cut();
  return page;
}

const sumOf = (name: string, value: PackedSum | null): Value => {
  if (value === null) return null;
  const sum = typeof value === 'string' ? BigInt(value) : value;
  return name === 'items.quantity' ? pieces(sum) : exact(sum);
};

const toJson = ({ at, time, reason, changes, wasFinal }: Restatement): Record<string, unknown> => ({
  at: formatInstant(at, 'UTC'),
  level: 'hour',
  t: formatInstant(time * HOUR_MS, 'UTC'),
  reason,
  wasFinal,
  changes: Object.fromEntries(
    Object.entries(changes).map(([name, [before, after]]) => [name, [sumOf(name, before), sumOf(name, after)]]),
  ),
});

export function restatementsRoute(app: FastifyInstance, deps: MetricsDeps): void {
  const schema = { querystring: QuerySchema, summary: 'Closed hours whose published figures changed' };
  app.get('/v1/merchants/:merchant/restatements', { schema }, async (request, reply) => {
    const { since, all: areAll = false, cursor } = request.query as Static<typeof QuerySchema>;
    const wanted = {
      since: since === undefined ? 0 : instant('since', since),
      all: areAll,
      after: cursor === undefined ? null : decodeCursor(cursor),
    };
    const { history, rollups } = deps;
    const source = { history, rollups, merchant: merchantOf(request), question: questionOf(request) };
    const completeness = await deps.completeness.read(source.merchant, NO_RANGE, deps.now());
    const versions = await deps.logics.versions();
    async function* all(): AsyncIterable<Restatement> {
      yield* published(source, versions);
      yield* logicRestatements({ ...source, completeness }, versions, wanted.since, wanted.after);
    }
    const page = await pageOf(all(), wanted);
    const shown = page.slice(0, PER_PAGE);
    const next = page.length > PER_PAGE ? encodeCursor(shown.at(-1)!) : null;
    return reply.type('application/json').send(JSON.stringify({ restatements: shown.map(toJson), next }));
  });
}
