/** Buffers as a crash or a thief leaves them: copies of files that are open, to be harmed and opened again. */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Accounts, account } from '../../../agent/buffer/integrity/seq-accounting.ts';
import type { SqliteBuffer } from '../../../agent/buffer/sqlite-buffer.ts';
import { openReadOnly } from '../../../agent/buffer/support/open-read-only.ts';
import type { TillEvent } from '../../../shared/event/event.ts';
import { NOW, parsed, sale } from './events.ts';
import { type Scratch, scratchBuffer } from './temp-buffer.ts';

/** Of what a buffer consists. */
export const SUFFIXES = ['', '-wal', '.seq'] as const;

/** The files as they are at this moment, elsewhere. @param directory that the test removes */
export function crashed(from: Scratch, directory: string, name: string): Scratch {
  const folder = join(directory, name);
  mkdirSync(folder);
  const to = scratchBuffer(folder);
  to.clock = from.clock;
  for (const suffix of SUFFIXES) if (existsSync(from.path + suffix)) copyFileSync(from.path + suffix, to.path + suffix);
  return to;
}

/** Brings over all that is aside. */
export const healed = (buffer: SqliteBuffer): Promise<void> => buffer.recover(async () => true);

export interface Offered {
  readonly stream: string;
  readonly seq: number;
  readonly hour: number;
  readonly event: TillEvent;
}

/** What a buffer would ship, by stream and seq. */
export const offered = (buffer: SqliteBuffer): Map<string, Offered> =>
  new Map(
    [...buffer.pending(0)].map(({ epoch, seq, hour, event }) => [
      `${epoch} ${seq}`,
      { stream: `till-1.${epoch}`, seq, hour, event },
    ]),
  );

/** Seqs that a buffer says are lost, as `epoch first-last reason`. */
export const lost = (buffer: SqliteBuffer): string[] =>
  buffer
    .losses(1_000)
    .map(({ epoch, firstSeq, count, loss }) => `${epoch} ${firstSeq}-${firstSeq + count - 1} ${loss.reason}`);

/** Each the same again, by its number. */
export const sales = (first: number, count: number, attrs?: string): TillEvent[] =>
  Array.from({ length: count }, (_, at) =>
    parsed(sale(`R-${first + at}`, attrs === undefined ? {} : { attrs: `${first + at}${attrs}` })),
  );

export const greeting = { storeGen: 'g', trueTimeOrigin: NOW, uncertaintyMs: 1 };

/** As to a collector that stores it all. @returns the refs of what was pending, by identity: it knows one that it is sent again */
export async function shipAll(buffer: SqliteBuffer): Promise<Map<string, string>> {
  const events = [...buffer.pending(0)];
  await buffer.settle(events.map(({ epoch, seq }) => ({ kind: 'stored', epoch, firstSeq: seq, lastSeq: seq })));
  return new Map(events.map(({ epoch, seq, event }) => [`${epoch} ${seq}`, event.ref!]));
}

/** What the file says became of each seq. */
export function accounts({ path }: Scratch): Accounts {
  const db = openReadOnly(path);
  try {
    return account(db);
  } finally {
    db.close();
  }
}
