/** What every question of a merchant passes before its route: its key, then admission. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { MerchantId } from '../../shared/ids.ts';
import { chargedAddress, type TrustedProxies } from './admission/addresses.ts';
import { Admission, type AdmissionLimits, type Place } from './admission/admission.ts';
import type { AdmissionMetrics } from './admission/metrics.ts';
import { Question } from './admission/question.ts';
import type { Turns } from './admission/turns.ts';
import type { Auth } from './auth.ts';
import { API_LIMITS } from './limits.ts';
import { Problem } from './query/problem.ts';

declare module 'fastify' {
  interface FastifyRequest {
    merchant: MerchantId | null;
    question: Question | null;
  }
}

/** The merchant whose figures a request of a guarded route asks for. */
export const merchantOf = ({ merchant }: FastifyRequest): MerchantId => guarded(merchant);

/** The work behind the answer to a request of a guarded route. */
export const questionOf = ({ question }: FastifyRequest): Question => guarded(question);

function guarded<T>(value: T | null): T {
  if (value === null) throw new Error('the route is not guarded');
  return value;
}

export interface GuardOptions {
  readonly auth: Auth;
  readonly proxies: TrustedProxies;
  readonly turns: Turns;
  readonly metrics: AdmissionMetrics;
  readonly maxConnections: number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

/** Half of the connections never wait for an answer, so that others and health checks get in. */
const admissionLimits = (maxConnections: number): AdmissionLimits => ({
  underWay: Math.min(API_LIMITS.answers.value, Math.ceil(maxConnections / 4)),
  underWayPerMerchant: API_LIMITS.answersPerMerchant.value,
  waiting: Math.min(API_LIMITS.answersWaiting.value, Math.floor(maxConnections / 4)),
  waitingPerMerchant: API_LIMITS.answersWaitingPerMerchant.value,
  perAddress: API_LIMITS.answersPerAddress.value,
  waitMs: API_LIMITS.answerWaitMs.value,
});

const QUESTION = {
  rows: API_LIMITS.questionRows.value,
  bytes: API_LIMITS.questionBytes.value,
  ms: API_LIMITS.questionMs.value,
} as const;

/** Makes every route of `app` authenticate and admit a request before it answers. */
export function guardRoutes(app: FastifyInstance, options: GuardOptions): void {
  const { auth, proxies, turns, metrics, clock, maxConnections } = options;
  const admission = new Admission(admissionLimits(maxConnections), metrics);
  app.decorateRequest('merchant', null);
  app.decorateRequest('question', null);
  app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    let place: Place | null = null;
    let gone = false;
    const left = (): void => {
      gone = true;
      request.question?.abandon();
      place?.leave();
    };
    reply.raw.once('finish', left);
    reply.raw.once('close', left);
    const address = chargedAddress(request.ip);
    const merchant = await auth.merchant(request, address, metrics.refused);
    if (gone) throw new Problem(499, 'the client has left');
    place = admission.enter(merchant, proxies.trusts(request.ip) ? null : address);
    await place.granted;
    request.merchant = merchant;
    request.question = new Question({ turns, merchant, limits: QUESTION, clock, metrics });
  });
}
