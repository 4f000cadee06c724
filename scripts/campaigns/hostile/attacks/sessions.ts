/** What the attacks share: sessions that are opened again, batches without a pause, questions. */
import { setTimeout as wait } from 'node:timers/promises';
import type { WireBatch } from '../../../../shared/wire/batch.ts';
import type { Ack } from '../../../../shared/wire/messages.ts';
import { type HttpAnswer, httpGet } from '../wire/http-get.ts';
import { MqttSession, randomEpoch } from '../wire/mqtt-session.ts';
import type { Line } from '../wire/network.ts';
import type { AttackContext } from './attack.ts';

const RETRY_MS = 50;
const MINUTE_MS = 60_000;

/** The attacker's session; null: it was not let in. */
export async function openSession(context: AttackContext, epoch = randomEpoch()): Promise<MqttSession | null> {
  const opened = await MqttSession.open(await context.network.open(context.mqttPort), context.till, epoch);
  return opened.kind === 'open' ? opened.session : null;
}

/** Opens a session again whenever it was ended, and lets `use` have it, until the signal. */
export async function withSessions(
  context: AttackContext,
  signal: AbortSignal,
  use: (session: MqttSession) => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    const session = await openSession(context);
    if (session !== null) await Promise.race([use(session), session.line.closed]);
    session?.line.close();
    await pause(RETRY_MS, signal);
  }
}

export interface Sending {
  /** Batches without an ack at a time. */
  readonly underWay: number;
  readonly onAck?: (ack: Ack) => void;
}

/** Sends the batches as fast as they are answered; whoever does not answer ends it. */
export async function sendAll(
  session: MqttSession,
  batches: Iterable<WireBatch>,
  { underWay, onAck }: Sending,
  signal: AbortSignal,
): Promise<void> {
  const queue = batches[Symbol.iterator]();
  const sender = async (): Promise<void> => {
    for (let next = queue.next(); !next.done && !signal.aborted && !session.line.isClosed; next = queue.next()) {
      const ack = await session.send(next.value);
      if (ack !== null) onAck?.(ack);
    }
  };
  await Promise.all(Array.from({ length: underWay }, sender));
}

/** Keeps so many lines open: what is closed is opened again. */
export async function keepOpen(count: number, open: () => Promise<Line>, signal: AbortSignal): Promise<void> {
  const one = async (): Promise<void> => {
    while (!signal.aborted) {
      const line = await open();
      await Promise.race([line.closed, ended(signal)]);
      await pause(RETRY_MS, signal);
    }
  };
  await Promise.all(Array.from({ length: count }, one));
}

/** Resolves when the signal is aborted. */
export function ended(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Resolves after so long, or when the signal is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined);
}

/** Resolves so long after the next minute has begun. */
export const afterMinuteTurn = (ms: number, signal: AbortSignal): Promise<void> =>
  pause(MINUTE_MS - (Date.now() % MINUTE_MS) + ms, signal);

/** Asks the attacker's own figures. @returns null when nothing was answered */
export async function ask(
  { httpPort, till, key }: AttackContext,
  resource: string,
  query: Readonly<Record<string, string>>,
): Promise<HttpAnswer | null> {
  const url = `http://127.0.0.1:${httpPort}/v1/merchants/${till.merchant}/${resource}?${new URLSearchParams(query)}`;
  return httpGet(url, key).catch(() => null);
}
