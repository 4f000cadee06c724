/**
 * The thread that runs a store's operations, one after the other, on a connection of its own. Its
 * first call opens the file, its last one closes it. `store-thread.ts` is its other end.
 */
import { parentPort } from 'node:worker_threads';
import { StoreUnavailable } from '../tables.ts';
import { openConnection, openReadConnection } from './connection.ts';
import { StoreFile } from './store-file.ts';

export interface Opening {
  readonly path: string;
  /** How long SQLite waits for a lock of another connection, milliseconds. */
  readonly lockWaitMs: number;
  /** Reads only, from a file that is there. */
  readonly readOnly: boolean;
}

/** What a thread can be asked, and what it answers. */
export interface Operations
  extends Pick<StoreFile, 'init' | 'put' | 'exists' | 'get' | 'page' | 'checkAndPut' | 'delete' | 'close'> {
  open(opening: Opening): void;
}

export interface Question {
  readonly id: number;
  readonly operation: keyof Operations;
  readonly args: readonly unknown[];
}

/** Errors are told as what both ends can make of them. */
export type Answer = { readonly id: number } & (
  | { readonly kind: 'done'; readonly result: unknown }
  | {
      readonly kind: 'unavailable';
      readonly message: string;
      readonly cause: { message: string; code: unknown } | null;
    }
  | { readonly kind: 'fault'; readonly error: unknown }
);

const port = parentPort;
if (port === null) throw new Error('this is the code of a thread');
let file: StoreFile | null = null;

async function open({ path, lockWaitMs, readOnly }: Opening): Promise<void> {
  const connection = readOnly ? openReadConnection(path, lockWaitMs) : await openConnection(path, lockWaitMs);
  file = new StoreFile(connection, path);
}

async function answerTo({ id, operation, args }: Question): Promise<Answer> {
  try {
    if (operation === 'open') return { id, kind: 'done', result: await open(args[0] as Opening) };
    if (file === null) throw new StoreUnavailable('the store has not been opened');
    const run = file[operation] as (...args: readonly unknown[]) => unknown;
    return { id, kind: 'done', result: run.apply(file, args as unknown[]) };
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) return { id, kind: 'fault', error };
    const { message, cause } = error;
    const { code } = (cause ?? {}) as { code?: unknown };
    return {
      id,
      kind: 'unavailable',
      message,
      cause: cause instanceof Error ? { message: cause.message, code } : null,
    };
  }
}

/** The memory of packed rows moves to the other thread. */
function memoryOf(answer: Answer): ArrayBuffer[] {
  if (answer.kind !== 'done' || typeof answer.result !== 'object' || answer.result === null) return [];
  const { bytes, rows } = answer.result as {
    bytes?: Uint8Array<ArrayBuffer>;
    rows?: { bytes: Uint8Array<ArrayBuffer> };
  };
  const packed = bytes ?? rows?.bytes;
  return packed === undefined ? [] : [packed.buffer];
}

port.on('message', async (question: Question) => {
  const answer = await answerTo(question);
  port.postMessage(answer, memoryOf(answer));
  if (question.operation === 'close') port.close();
});
