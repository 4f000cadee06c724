/**
 * A thread for what may wait for SQLite, seen from the event loop, which waits for nothing.
 *
 *     asked ──▶ answered | given up (no answer for `callWait`; its operation may still happen)
 *       └─────▶ refused (too much waits already, or the thread is closed)
 *
 * Invariants:
 * - Questions are answered in the order in which they were asked, one at a time.
 * - Of those that are not answered, given up ones included, there are at most `waitingCalls`, and
 *   of `waitingBytes` at most (or one).
 * - A thread that ends unasked ends the process: nobody knows what of its work was done.
 * - The process may end although a thread is open, but not while an answer is waited for.
 */
import { Worker } from 'node:worker_threads';
import { STORE_LIMITS } from '../limits.ts';
import { StoreUnavailable } from '../tables.ts';
import type { Answer, Opening, Operations, Question } from './store-worker.ts';

type Result<K extends keyof Operations> = ReturnType<Operations[K]>;

interface Asked {
  readonly bytes: number;
  /** Does nothing once it was given up. */
  readonly settle: (answer: Answer | StoreUnavailable) => void;
}

export interface ThreadOptions extends Opening {
  readonly callWaitMs: number;
}

const CODE = new URL('./store-worker.ts', import.meta.url);
const WHY_SILENT = 'another process may keep the file locked (VACUUM, a backup, a command), or the disk is slow';

export class StoreThread {
  readonly #options: ThreadOptions;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #asked = new Map<number, Asked>();
  #bytes = 0;
  /** Of those asked, the ones that somebody waits for. */
  #awaited = 0;
  #lastId = 0;
  #closing: Promise<void> | null = null;
  #fault: unknown = null;

  constructor(options: ThreadOptions) {
    this.#options = options;
    this.#worker = new Worker(CODE, { name: options.readOnly ? 'store reader' : 'store writer' });
    this.#worker.unref();
    this.#worker.on('message', (answer: Answer) => this.#answered(answer));
    this.#worker.on('error', (error) => {
      this.#fault = error;
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#exited = promise;
    this.#worker.on('exit', (code) => {
      resolve();
      this.#ended(code);
    });
  }

  open(): Promise<void> {
    const { path, lockWaitMs, readOnly } = this.#options;
    return this.ask('open', [{ path, lockWaitMs, readOnly }]);
  }

  /**
   * @param memory of the arguments, which moves to the thread
   * @throws StoreUnavailable, also when there was no answer in time
   */
  ask<K extends keyof Operations>(
    operation: K,
    args: Parameters<Operations[K]>,
    memory: readonly Uint8Array<ArrayBuffer>[] = [],
  ): Promise<Result<K>> {
    if (this.#closing !== null) throw this.#unavailable(operation, 'the store was closed');
    const bytes = memory.reduce((sum, { length }) => sum + length, 0);
    const { waitingCalls, waitingBytes } = STORE_LIMITS;
    const hasRoom = this.#bytes === 0 || this.#bytes + bytes <= waitingBytes.value;
    if (!hasRoom || this.#asked.size >= waitingCalls.value)
      throw this.#unavailable(operation, `${this.#asked.size} calls wait already: ${WHY_SILENT}`);
    return this.#post(operation, args, memory, bytes);
  }

  /**
   * Takes no questions from now on. Resolves when all that was asked is done, and the file is
   * closed; safe to call again.
   *
   * @param before what has to be over before the file is closed
   */
  close(before: Promise<void> = Promise.resolve()): Promise<void> {
    this.#closing ??= (async () => {
      await before;
      await this.#post('close', [], [], 0);
      this.#worker.ref();
      await this.#exited;
    })();
    return this.#closing;
  }

  /** Ends a thread whose file could not be opened. */
  async abandon(): Promise<void> {
    this.#closing = Promise.resolve();
    await this.#worker.terminate();
  }

  #post<K extends keyof Operations>(
    operation: K,
    args: Parameters<Operations[K]>,
    memory: readonly Uint8Array<ArrayBuffer>[],
    bytes: number,
  ): Promise<Result<K>> {
    const question: Question = { id: ++this.#lastId, operation, args };
    this.#worker.postMessage(
      question,
      memory.map(({ buffer }) => buffer),
    );
    this.#bytes += bytes;
    if (this.#awaited++ === 0) this.#worker.ref();
    const { promise, resolve, reject } = Promise.withResolvers<Result<K>>();
    let isAwaited = true;
    const settle = (answer: Answer | StoreUnavailable): void => {
      if (!isAwaited) return;
      isAwaited = false;
      clearTimeout(deadline);
      if (--this.#awaited === 0) this.#worker.unref();
      if ('kind' in answer && answer.kind === 'done') resolve(answer.result as Result<K>);
      else reject('kind' in answer ? errorOf(answer) : answer);
    };
    const { callWaitMs } = this.#options;
    const silence = `no answer for ${callWaitMs / 1000} s: ${WHY_SILENT}`;
    const deadline = setTimeout(() => settle(this.#unavailable(operation, silence)), callWaitMs).unref();
    this.#asked.set(question.id, { bytes, settle });
    return promise;
  }

  #answered(answer: Answer): void {
    const asked = this.#asked.get(answer.id);
    if (asked === undefined) throw new Error(`answer ${answer.id} of the store's thread has no question`);
    this.#asked.delete(answer.id);
    this.#bytes -= asked.bytes;
    asked.settle(answer);
  }

  /** @throws what ends the process, unless the thread was to end */
  #ended(code: number): void {
    const lost = new StoreUnavailable(
      `the thread that ${this.#options.readOnly ? 'reads' : 'writes'} ${this.#options.path} has ended (exit code ${code})`,
      { cause: this.#fault },
    );
    for (const { settle } of this.#asked.values()) settle(lost);
    this.#asked.clear();
    if (this.#closing === null) throw lost;
  }

  #unavailable(operation: string, detail: string): StoreUnavailable {
    return new StoreUnavailable(`${operation} on ${this.#options.path}: ${detail}`);
  }
}

function errorOf(answer: Exclude<Answer, { kind: 'done' }>): unknown {
  if (answer.kind === 'fault') return answer.error;
  const { message, cause } = answer;
  const { message: text, code } = cause ?? {};
  return new StoreUnavailable(message, cause === null ? {} : { cause: Object.assign(new Error(text), { code }) });
}
