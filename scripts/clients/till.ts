/**
 * A till: posts events to its agent and retries until the agent has stored them.
 *
 * Retrying is safe because each event carries a `ref`: after a lost answer (an agent killed between
 * its commit and its answer) the retry is answered as a duplicate.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';
import type { Receipt, TillEvent } from './till-event.ts';

interface Answer {
  readonly accepted: number;
  readonly duplicates?: readonly unknown[];
}

/** A cashier waits no longer; the agent answers in milliseconds or is dead. */
const TIMEOUT_MS = 10_000;
const FIRST_WAIT_MS = 20;
const LONGEST_WAIT_MS = 1_000;

export class Till {
  readonly url: string;
  readonly #pool: Pool;
  readonly #random: () => number;

  /**
   * @param url the agent's, such as `http://127.0.0.1:7070`;
   * @param random in [0, 1), for the jitter
   */
  constructor(url: string, random: () => number) {
    this.url = url;
    this.#random = random;
    this.#pool = new Pool(url, {
      connections: 2,
      connect: { timeout: TIMEOUT_MS },
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
  }

  /**
   * Resolves when the agent has stored all of them.
   *
   * @param signal ends the retries
   * @throws Error when the agent rejects an event (400, 413: a retry cannot help), or AbortError
   */
  async send(events: readonly TillEvent[], signal: AbortSignal): Promise<Receipt> {
    const body = JSON.stringify(events);
    for (let retries = 0; ; retries++) {
      const answer = await this.#post(body, signal);
      if (answer !== null) return { accepted: answer.accepted, duplicates: answer.duplicates?.length ?? 0, retries };
      const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(retries, 10));
      await wait(longest * (0.5 + this.#random() / 2), undefined, { signal });
    }
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  /** @returns null when a retry may succeed */
  async #post(body: string, signal: AbortSignal): Promise<Answer | null> {
    let status: number;
    let text: string;
    try {
      const response = await this.#pool.request({
        path: '/v1/events',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal,
      });
      status = response.statusCode;
      text = await response.body.text();
    } catch (error) {
      signal.throwIfAborted();
      // The agent is down, or the answer was cut off.
      if (error instanceof Error) return null;
      throw error;
    }
    if (status === 200 || status === 201) return JSON.parse(text) as Answer;
    if (status >= 500 || status === 429) return null;
    throw new Error(`${this.url} refused the event: ${status} ${text.slice(0, 500)}`);
  }
}
