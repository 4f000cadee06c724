/** Questions over HTTP: without a key, with a wrong one, and dear ones with the attacker's own. */
import { randomBytes } from 'node:crypto';
import { DAY_MS } from '../../../../shared/time.ts';
import { compressed, type ForgedBody, forge, hourNow } from '../wire/forged-batch.ts';
import { askWithoutReading, getRequest, pipeline } from '../wire/http-pipeline.ts';
import { randomEpoch } from '../wire/mqtt-session.ts';
import { type Attack, type AttackContext, NOTHING_BROKEN } from './attack.ts';
import { ended, keepOpen, openSession, sendAll } from './sessions.ts';

const DAYS = 90;
const ARTICLE_ROWS = 18;
const EVENTS_A_ROW = 40;
const ITEMS_A_EVENT = 100;
const TOP_CONNECTIONS = 4;
const SILENT_READERS = 20;
const HALF_REQUESTS = 1_000;

const date = (at: number): string => new Date(at).toISOString().slice(0, 10);

const own = ({ till, key }: AttackContext, resource: string, query: Readonly<Record<string, string>>): Buffer =>
  getRequest(`/v1/merchants/${till.merchant}/${resource}?${new URLSearchParams(query)}`, key);

const quarterHours = (context: AttackContext): Buffer =>
  own(context, 'metrics', { interval: '15m', from: date(Date.now() - DAYS * DAY_MS), to: date(Date.now()) });

/** Pipelines one request on one connection. */
const pipelined = (
  name: string,
  exploits: string,
  underWay: number,
  requestOf: (context: AttackContext) => Buffer,
): Attack => ({
  name,
  exploits,
  async run(context, signal) {
    const { network, httpPort: port } = context;
    await pipeline(network, { port, request: requestOf(context), underWay }, signal);
    return NOTHING_BROKEN;
  },
});

/** Batches of articles of names of their own: 2.2 MiB in all. */
function articles(): ForgedBody {
  const items = EVENTS_A_ROW * ITEMS_A_EVENT;
  const names = Array.from({ length: items }, () => randomBytes(20).toString('base64url'));
  const ones = new Array<number>(items).fill(1_000);
  const skus = names.map((_, at) => 2 + at);
  return compressed([
    ['sale', 'INR', ...names],
    0,
    1,
    0,
    0,
    5_000,
    1,
    null,
    null,
    null,
    0,
    [],
    [],
    100,
    skus,
    ones,
    ones,
  ]);
}

const topOverManyArticles: Attack = {
  name: 'top-many-articles',
  exploits: '2.2 MiB of articles of names of their own; each `top` merges and sorts all of them',
  async run(context, signal) {
    const session = await openSession(context);
    const [epoch, hour] = [randomEpoch(), hourNow()];
    const batches = Array.from({ length: ARTICLE_ROWS }, (_, row) =>
      forge(articles(), { epoch, firstSeq: 1 + row * EVENTS_A_ROW, count: EVENTS_A_ROW, hour }),
    );
    if (session !== null) await sendAll(session, batches, { underWay: 4 }, signal);
    const request = own(context, 'top', { limit: '1000' });
    const asking = () => pipeline(context.network, { port: context.httpPort, request, underWay: 4 }, signal);
    await Promise.all(Array.from({ length: TOP_CONNECTIONS }, asking));
    return NOTHING_BROKEN;
  },
};

const unreadAnswers: Attack = {
  name: 'unread-answers',
  exploits: 'twenty connections ask for large answers and read none',
  async run(context, signal) {
    const request = quarterHours(context);
    const { network, httpPort } = context;
    const asking = () => askWithoutReading(network, httpPort, request, signal);
    await Promise.race([Promise.all(Array.from({ length: SILENT_READERS }, asking)), ended(signal)]);
    return NOTHING_BROKEN;
  },
};

const halfRequests: Attack = {
  name: 'half-requests',
  exploits: 'a thousand connections to HTTP, each with half a request: file handles without a key',
  async run({ network, httpPort }, signal) {
    const half = getRequest('/livez').subarray(0, 20);
    const open = async () => {
      const line = await network.open(httpPort);
      void line.write(half);
      return line;
    };
    await keepOpen(HALF_REQUESTS, open, signal);
    return NOTHING_BROKEN;
  },
};

export const HTTP_QUESTIONS: readonly Attack[] = [
  pipelined('pipelined-metrics', '/metrics without a key, 300 at a time on one connection', 300, () =>
    getRequest('/metrics'),
  ),
  pipelined('pipelined-openapi', '/openapi.json without a key, 300 at a time on one connection', 300, () =>
    getRequest('/openapi.json'),
  ),
  pipelined('wrong-keys', 'a wrong key, 300 at a time: each is looked up in the store', 300, () =>
    getRequest('/v1/merchants/nobody/top', randomBytes(32).toString('base64url')),
  ),
  pipelined('quarter-hours', '90 days by quarter hours, 300 at a time on one connection', 300, quarterHours),
  pipelined('century-totals', 'the total of a century, 500 at a time on one connection', 500, (context) =>
    own(context, 'metrics', { interval: 'total', from: '2000-01-01', to: '2100-01-01' }),
  ),
  topOverManyArticles,
  unreadAnswers,
  halfRequests,
];
