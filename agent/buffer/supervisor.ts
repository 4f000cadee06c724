/**
 * Supervises the buffer: keeps one open for as long as the agent runs, whatever happens to its
 * disk. In an agent it is a `SqliteBuffer`.
 *
 *     opening --opened--> open --a fault that makes the file unusable--> failed
 *     opening --cannot be opened--> failed
 *     failed --after a wait--> opening
 *     any --stop()--> stopped
 *
 * Invariants: at most one buffer is open. Each opening has parts of its own, which start once it is
 * open and end before a stop closes it. A damaged file is opened with distrust, which recovers it.
 * A refusal (another agent has the buffer, ...) ends `start` with an error: waiting does not help.
 * Later refusals are waited out like any other fault.
 */
import assert from 'node:assert/strict';
import type { TillEvent } from '../../shared/event/event.ts';
import type { Accepted, Intake } from '../port/intake.ts';
import { BufferRefusal } from './disk/buffer-error.ts';
import { classifyError, type FileFault } from './disk/classify-error.ts';

const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 30_000;
/** Once a buffer was open for this long, the waits start over. */
const STEADY_MS = 60_000;
/** After this many failed reads of a file, its bytes are not expected to return. */
const PATIENCE = 4;

type State = 'opening' | 'open' | 'failed' | 'stopped';
const NEXT: Readonly<Record<State, readonly State[]>> = {
  opening: ['open', 'failed', 'stopped'],
  open: ['failed', 'stopped'],
  failed: ['opening', 'stopped'],
  stopped: [],
};

export interface SupervisedBuffer extends Intake {
  /** @param distrusted whether the content of the file is not to be trusted any more */
  close(distrusted?: boolean): void;
}

export interface SupervisorDependencies<B extends SupervisedBuffer> {
  /**
   * @param distrust why the content of the file is not to be trusted; null when it is
   * @param onFault to be called with each fault of the file, before the caller of the buffer sees
   *   it
   * @throws BufferRefusal, or on a fault of the disk
   */
  readonly open: (distrust: string | null, onFault: (error: unknown) => void) => B;
  /** Starts the parts of this opening. @returns a function that ends them */
  readonly onOpened: (buffer: B) => () => Promise<void>;
  /** After a fault of the disk: the system's message about it; null when a write succeeds now. */
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
  /** Why no buffer is open. */
  #trouble: { readonly words: string; readonly fault: FileFault | null } = { words: 'not opened yet', fault: null };
  #failures = 0;
  #lastRefusal: string | null = null;
  #cancel = (): void => {};
  /** Parts of failed openings that have not ended yet. */
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

  /** Why the last new events were refused, for people; null when they were not. */
  get lastRefusal(): string | null {
    return this.#lastRefusal;
  }

  /** @throws BufferRefusal */
  start(): void {
    this.#open(null, true);
  }

  async accept(events: readonly TillEvent[]): Promise<Accepted> {
    const opening = this.#opening;
    let accepted: Accepted;
    try {
      accepted = opening === null ? this.#unavailable() : await opening.buffer.accept(events);
    } catch (error) {
      if (this.#opening === opening) throw error;
      accepted = this.#unavailable();
    }
    if (accepted.kind === 'full') this.#lastRefusal = accepted.detail;
    // A duplicate proves nothing: a full buffer recognises it too.
    else if (accepted.kind === 'accepted' && accepted.accepted > 0) this.#lastRefusal = null;
    return accepted;
  }

  /** Ends the parts, then closes the buffer. */
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

  /** Closes the buffer if the fault makes its file unusable. */
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

  /** @param distrusted whether the buffer was already opened with distrust */
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

/** Whether the disk returns no bytes of the file. */
function isUnreadable(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (String((at as NodeJS.ErrnoException).code).startsWith('SQLITE_IOERR')) return true;
  }
  return false;
}
