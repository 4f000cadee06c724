/** The routes of raw rows have the budget of a question. */
import Fastify from 'fastify';
import t from 'tap';
import { Question } from '../../../../collector/api/admission/question.ts';
import { Turns } from '../../../../collector/api/admission/turns.ts';
import { eventsRoute } from '../../../../collector/api/events-route.ts';
import { lossesRoute } from '../../../../collector/api/losses-route.ts';
import type { MetricsDeps } from '../../../../collector/api/metrics-route.ts';
import { HOUR_MS } from '../../../../shared/time.ts';
import { lossRow, PLACE } from '../../../support/collector/raw-rows.ts';

const LIMITS = { rows: 3, bytes: 1e9, ms: 1e9 };
const { hour } = PLACE;

/** A log with a record of losses, and ten rows for whoever reads events or the record's seqs. */
const log = {
  async *scan() {
    for (let at = 0; at < 10; at++) yield lossRow(1, 10);
  },
  async *hoursBackwards() {
    yield { hour, hasLosses: true };
  },
  async *hours() {
    yield hour;
  },
  async *losses() {
    yield lossRow(1, 10);
  },
  async *held() {
    for (let at = 0; at < 10; at++) yield [1, 1];
  },
};

t.test('events and losses are refused beyond the rows of a question', async (t) => {
  const app = Fastify();
  const refused: string[] = [];
  const metrics = { refused: (reason: string) => refused.push(reason), connections: () => {}, answers: () => {} };
  app.decorateRequest('merchant', null);
  app.decorateRequest('question', null);
  app.addHook('onRequest', async (request) => {
    request.merchant = PLACE.merchant;
    const turns = new Turns();
    request.question = new Question({ turns, merchant: 'acme', limits: LIMITS, clock: () => 0, metrics });
  });
  const deps = { log, now: () => (hour + 1) * HOUR_MS } as unknown as MetricsDeps;
  eventsRoute(app, deps);
  lossesRoute(app, deps);
  const day = new Date(hour * HOUR_MS).toISOString().slice(0, 10);
  for (const what of [`events?from=${day}`, 'losses']) {
    const answer = await app.inject(`/v1/merchants/acme/${what}`);
    t.match(answer.json(), { message: /more than 3 rows/ }, what);
  }
  t.same(refused, ['question', 'question']);
  await app.close();
});
