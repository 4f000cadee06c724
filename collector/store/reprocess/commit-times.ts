/** How long commits of batches took lately, by ingest process: records in `control`. */
import { controlKey, prefixEnd } from '../../../shared/keys.ts';
import { pack, unpack } from '../../../shared/wire/message-pack.ts';
import type { Column, Tables } from '../tables.ts';

const VALUE: Column = 'm:value';
const KIND = 'commits';
/** A process that says nothing for so long has nothing to commit, or is gone. */
const FRESH_MS = 10_000;

interface CommitTime {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Milliseconds. */
  readonly p99: number;
}

export class CommitTimes {
  readonly #tables: Tables;
  constructor(tables: Tables) {
    this.#tables = tables;
  }

  publish(process: string, { at, p99 }: CommitTime): Promise<void> {
    const cells = new Map([[VALUE, pack({ at, p99 })]]);
    return this.#tables.put('control', [{ row: controlKey(KIND, process), cells }]);
  }

  /** The longest p99 of all processes lately, milliseconds; null: nobody commits. */
  async longest(now: number): Promise<number | null> {
    const start = controlKey(KIND, '');
    let longest: number | null = null;
    for await (const { cells } of this.#tables.scan('control', { start, stop: prefixEnd(start) })) {
      const { at, p99 } = unpack(cells.get(VALUE)!) as CommitTime;
      if (Math.abs(now - at) < FRESH_MS) longest = Math.max(longest ?? 0, p99);
    }
    return longest;
  }
}
