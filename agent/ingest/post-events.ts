/** POST /v1/events: read, check, store, answer. */
import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { runCooperatively } from '../../shared/cooperative.ts';
import { FLAG, type TillEvent } from '../../shared/event/event.ts';
import type { StoreId } from '../../shared/ids.ts';
import type { Accepted, Intake, KnownEvent } from '../port/intake.ts';
import { type CardDataPolicy, type EventsBody, type Format, parseEventsBody } from './body/events-body.ts';
import { type BodyReader, MAX_BODY_BYTES } from './http/body-reader.ts';
import type { LargeRequestQueue } from './http/large-request-queue.ts';
import { type HttpResponse, json, problem } from './http/response.ts';
import type { InFlightRequests } from './in-flight-requests.ts';

/** Raised once the answer is certain. */
export interface IngestCounters {
  requestsStored: number;
  /** Not valid, too large, or not readable. */
  requestsRefused: number;
  requestsFull: number;
  /** No buffer could be written to. */
  requestsFailed: number;
  eventsAccepted: number;
  /** Events that held card data, which was masked; duplicates among them count too. */
  eventsMasked: number;
  duplicates: number;
}

export const zeroIngestCounters = (): IngestCounters => ({
  requestsStored: 0,
  requestsRefused: 0,
  requestsFull: 0,
  requestsFailed: 0,
  eventsAccepted: 0,
  eventsMasked: 0,
  duplicates: 0,
});

export interface PostEventsDependencies {
  readonly intake: Intake;
  readonly bodies: BodyReader;
  readonly large: LargeRequestQueue;
  readonly uncommitted: InFlightRequests;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** See `ParseContext.wrongClock`. */
  readonly wrongClock: () => number | undefined;
  /** Default of events that name none. */
  readonly store: StoreId | null;
  readonly cardData: CardDataPolicy;
  /** Gets faults of the disk. */
  readonly fault: (error: unknown) => void;
  readonly counters: IngestCounters;
}

const RETRY_SOON = { 'retry-after': '1' };
/** A full or failing disk does not recover at once. */
const RETRY_LATER = { 'retry-after': '10' };

/** Events one a line, by the names in use; a JSON sequence too (RFC 7464). */
const LINES = /^(?:application|text)\/(?:x-)?(?:ndjson|jsonl|json-?lines|json-seq)\s*(?:;|$)/i;
const formatOf = (contentType: string | undefined): Format => (LINES.test(contentType ?? '') ? 'ndjson' : 'json');

type ParsedBody = Extract<EventsBody, { ok: true }>;

function answerOf(accepted: Accepted, { indexOf }: ParsedBody): HttpResponse {
  switch (accepted.kind) {
    case 'full':
      return problem(507, `The buffer is full, nothing was stored: ${accepted.detail}. Send it again later.`, {
        headers: RETRY_LATER,
      });
    case 'unavailable':
      return problem(
        503,
        `There is no buffer to write to, nothing was stored: ${accepted.detail}. Send it again later.`,
        {
          headers: RETRY_LATER,
        },
      );
    case 'accepted': {
      const { kind: _, duplicates, conflicts, ...stored } = accepted;
      const inRequest = ({ index, stream, seq }: KnownEvent) => ({ index: indexOf(index), stream, seq });
      return json(accepted.accepted > 0 ? 201 : 200, {
        ...stored,
        duplicates: duplicates.map(inRequest),
        ...(conflicts.length > 0 && { conflicts: conflicts.map(inRequest) }),
      });
    }
  }
}

function count(counters: IngestCounters, accepted: Accepted, { masked }: ParsedBody): void {
  switch (accepted.kind) {
    case 'full':
      counters.requestsFull++;
      break;
    case 'unavailable':
      counters.requestsFailed++;
      break;
    case 'accepted':
      counters.requestsStored++;
      counters.eventsAccepted += accepted.accepted;
      counters.eventsMasked += masked;
      counters.duplicates += accepted.duplicates.length;
  }
}

/**
 * The clock may have been set while the events were parsed: events without a time get the current
 * one.
 */
const stampedAt = (events: readonly TillEvent[], at: number): readonly TillEvent[] =>
  events.map((event) => ((event.flags & FLAG.tsDefaulted) === 0 || event.ts === at ? event : { ...event, ts: at }));

async function storeEvents(bytes: Buffer, format: Format, dependencies: PostEventsDependencies): Promise<HttpResponse> {
  const { intake, now, wrongClock, store, cardData, counters } = dependencies;
  const context = { now: now(), wrongClock: wrongClock(), store, cardData };
  const parsed = await runCooperatively(parseEventsBody(bytes, format, context));
  if (!parsed.ok) {
    counters.requestsRefused++;
    return problem(parsed.status, parsed.detail, { errors: parsed.errors });
  }
  const accepted = await intake.accept(stampedAt(parsed.events, now()));
  count(counters, accepted, parsed);
  return answerOf(accepted, parsed);
}

/** @returns null when the client went away before its request was read */
export async function postEvents(
  request: IncomingMessage,
  dependencies: PostEventsDependencies,
): Promise<HttpResponse | null> {
  const { bodies, large, uncommitted, now, fault, counters } = dependencies;
  const answered = uncommitted.arrived(now());
  try {
    const body = await bodies.read(request);
    if (body.kind === 'aborted') return null;
    if (body.kind === 'overloaded') return problem(503, 'Too many large requests at once.', { headers: RETRY_SOON });
    if (body.kind === 'too-large') {
      counters.requestsRefused++;
      return problem(413, `The body is larger than ${MAX_BODY_BYTES} bytes.`);
    }
    const { bytes, release } = body;
    const format = formatOf(request.headers['content-type']);
    try {
      return await large.run(bytes.length, () => storeEvents(bytes, format, dependencies));
    } finally {
      release();
    }
  } catch (error) {
    counters.requestsFailed++;
    fault(error);
    return problem(503, `The buffer cannot be written: ${(error as Error).message}.`, { headers: RETRY_LATER });
  } finally {
    answered();
  }
}
