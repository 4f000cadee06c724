/**
 * Keeps a buffer open for as long as the agent runs, whatever becomes of its disk.
 *
 *     opening --opened--> open --a fault says that the file is no good--> failed --its time has come--> opening
 *        \_______________________cannot be opened_______________________/
 *     any --stop()--> stopped
 *
 * Invariants: at most one buffer is open; each opening has parts of its own, started once it is open and ended before it is closed by a
 * stop; a file that turned out damaged is opened with distrust, which salvages it. Refusals (another agent has the buffer, …) end `start`
 * with an error: waiting does not help. Later they are waited out like any other fault.
 */
import assert from 'node:assert/strict';
import type { TillEvent } from '../../shared/event/event.ts';
import type { Accepted, Intake } from '../port/intake.ts';
import { BufferRefusal } from './disk/buffer-error.ts';
import { classifyError, type FileFault } from './disk/classify-error.ts';

const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 30_000;
/** A buffer that was open for so long was a good one: the next fault is waited out from the start. */
const STEADY_MS = 60_000;
/** A disk that gives no bytes of a file so many times will not give them later. */
const PATIENCE = 4;

type State = 'opening' | 'open' | 'failed' | 'stopped';
const NEXT: Readonly<Record<State, readonly State[]>> = {
  opening: ['open', 'failed', 'stopped'],
  open: ['failed', 'stopped'],
  failed: ['opening', 'stopped'],
  stopped: [],
};

export interface SupervisedBuffer extends Intake {
  /** @param distrusted whether what the file says is not to be believed any more */
  close(distrusted?: boolean): void;
}

export interface SupervisorDependencies<B extends SupervisedBuffer> {
  /**
   * @param distrust why what the file says is not to be believed; null when nothing is known against it
   * @param onFault to be called with each fault of the file, before the caller of the buffer sees it
   * @throws BufferRefusal, or on a fault of the disk
   */
  readonly open: (distrust: string | null, onFault: (error: unknown) => void) => B;
  /** Starts what lives as long as this opening. @returns ends it */
  readonly onOpened: (buffer: B) => () => Promise<void>;
  /** After a fault of the disk: what the system says of it, in words; null when it takes what is written now. */
  readonly probeDisk: () => string | null;
  readonly timers: { now(): number; after(ms: number, run: () => void): () => void };
  /** From 0 to 1. */
  readonly random: () => number;
  readonly log: { info(message: string): void; error(message: string): void };
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export class BufferSupervisor<B extends SupervisedBuffer> implements Intake {
  readonly #with: SupervisorDependencies<B>;
  #state: State = 'failed';
  #opening: { readonly buffer: B; readonly end: () => Promise<void>; readonly at: number } | null = null;
  /** Why there is none, in words. */
  #trouble: { readonly words: string; readonly fault: FileFault | null } = { words: 'not opened yet', fault: null };
  #failures = 0;
  #cancel = (): void => {};
  /** Parts of openings that failed, on their way out. */
  readonly #ending = new Set<Promise<void>>();

  constructor(dependencies: SupervisorDependencies<B>) {
    this.#with = dependencies;
  }

  /** The buffer that is open; null while none is. */
  get buffer(): B | null {
    return this.#opening?.buffer ?? null;
  }

  /** Why no buffer is open, for people; null while one is. */
  get trouble(): string | null {
    return this.#opening === null ? this.#trouble.words : null;
  }

  /** @throws BufferRefusal */
  start(): void {
    this.#open(null, true);
  }

  async accept(events: readonly TillEvent[]): Promise<Accepted> {
    const opening = this.#opening;
    if (opening === null) return this.#unavailable();
    try {
      return await opening.buffer.accept(events);
    } catch (error) {
      if (this.#opening !== opening) return this.#unavailable();
      throw error;
    }
  }

  /** Ends the parts, then closes. */
  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#cancel();
    const opening = this.#opening;
    this.#become('stopped');
    await opening?.end();
    await Promise.all(this.#ending);
    this.#opening = null;
    opening?.buffer.close();
  }

  #unavailable(): Accepted {
    const { words, fault } = this.#trouble;
    return { kind: fault === 'full' ? 'full' : 'unavailable', detail: words };
  }

  #become(state: State): void {
    assert(NEXT[this.#state].includes(state), `${this.#state} -> ${state}`);
    this.#state = state;
  }

  #open(distrust: string | null, starting = false): void {
    this.#become('opening');
    const { open, onOpened: opened, timers, log } = this.#with;
    let buffer: B | null = null;
    try {
      buffer = open(distrust, (error) => this.#suspect(buffer, error));
    } catch (error) {
      this.#become('failed');
      if (starting && error instanceof BufferRefusal) throw error;
      this.#wait(error, distrust !== null);
      return;
    }
    this.#opening = { buffer, end: async () => {}, at: timers.now() };
    this.#become('open');
    this.#opening = { ...this.#opening, end: opened(buffer) };
    if (this.#failures > 0) log.info('the buffer is open again');
  }

  /** Closes the buffer if the fault says that it is no longer good. */
  #suspect(buffer: B | null, error: unknown): void {
    const opening = this.#opening;
    if (opening === null || opening.buffer !== buffer || this.#state !== 'open') return;
    const fault = classifyError(error);
    if (fault === null || fault === 'full') return;
    this.#opening = null;
    this.#become('failed');
    if (this.#with.timers.now() - opening.at >= STEADY_MS) this.#failures = 0;
    const ended = opening.end().catch((reason) => this.#with.log.error(message(reason)));
    this.#ending.add(ended);
    void ended.then(() => this.#ending.delete(ended));
    try {
      opening.buffer.close(fault === 'damaged');
    } catch (reason) {
      this.#with.log.error(`the buffer could not be closed: ${message(reason)}`);
    }
    this.#wait(error, false);
  }

  /** @param distrusted whether it was tried with distrust already */
  #wait(error: unknown, distrusted: boolean): void {
    const { timers, random, probeDisk: probe, log } = this.#with;
    const fault = classifyError(error) ?? (error instanceof BufferRefusal ? null : 'damaged');
    const why = fault === 'disk' ? probe() : null;
    const words = why === null || message(error).includes(why) ? message(error) : `${message(error)}: ${why}`;
    if (words !== this.#trouble.words || this.#failures === 0) log.error(`the buffer is not open: ${words}`);
    this.#trouble = { words, fault };
    const isDamaged = fault === 'damaged' || (fault === 'disk' && isUnreadable(error) && this.#failures >= PATIENCE);
    const most = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures);
    const wait = isDamaged && this.#failures === 0 ? 0 : most * (0.5 + random() / 2);
    this.#failures++;
    this.#cancel = timers.after(wait, () => this.#open(isDamaged && !distrusted ? words : null));
  }
}

/** The disk gives no bytes of the file. */
function isUnreadable(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (String((at as NodeJS.ErrnoException).code).startsWith('SQLITE_IOERR')) return true;
  }
  return false;
}
