/** What became of each event that an agent answered, as told from outside: by the agent's answers, and by the merchant's API. */
import { request } from 'undici';
import type { MerchantApi } from '../../../scripts/clients/merchant-api.ts';

/** `stream/seq` of events, each with its ref. */
export type Events = Map<string, string>;

export interface ListedLoss {
  readonly stream: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly count: number;
  readonly reason: string;
}

interface Answer {
  readonly accepted: number;
  readonly stream: string;
  readonly firstSeq: number;
}

/** Posts new events of one hour. @throws Error unless all of them are stored */
export async function post(url: string, events: readonly { readonly ref: string }[], accepted: Events): Promise<void> {
  const { statusCode, body } = await request(`${url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(events),
  });
  const text = await body.text();
  if (statusCode !== 201) throw new Error(`${url}: ${statusCode} ${text}`);
  const { accepted: count, stream, firstSeq } = JSON.parse(text) as Answer;
  if (count !== events.length) throw new Error(`${count} of ${events.length} events are new`);
  for (const [at, { ref }] of events.entries()) accepted.set(`${stream}/${firstSeq + at}`, ref);
}

/** All that the API has of these days. @throws Error when it lists a seq twice */
export async function storedEvents(api: MerchantApi, days: { readonly from: string; readonly to: string }) {
  const stored: Events = new Map();
  let cursor: string | null = null;
  do {
    const query = { ...days, limit: '1000', ...(cursor !== null && { cursor }) };
    const page: { events: { stream: string; seq: number; ref: string }[]; next: string | null } = await api.get(
      'events',
      query,
    );
    for (const { stream, seq, ref } of page.events) {
      const identity = `${stream}/${seq}`;
      if (stored.has(identity)) throw new Error(`${identity} is listed twice`);
      stored.set(identity, ref);
    }
    cursor = page.next;
  } while (cursor !== null);
  return stored;
}

/** All that the API lists, over pages of a few. */
export async function listedLosses(api: MerchantApi): Promise<ListedLoss[]> {
  const listed: ListedLoss[] = [];
  let cursor: string | null = null;
  do {
    const query = { limit: '3', ...(cursor !== null && { cursor }) };
    const page: { losses: ListedLoss[]; next: string | null } = await api.get('losses', query);
    listed.push(...page.losses);
    cursor = page.next;
  } while (cursor !== null);
  return listed;
}

/** `stream/seq` of each lost event, as often as it is listed. */
export const identitiesOf = (losses: readonly ListedLoss[]): string[] =>
  losses.flatMap(({ stream, firstSeq, count }) =>
    Array.from({ length: count }, (_, at) => `${stream}/${firstSeq + at}`),
  );
