/**
 * Due marks: "this merchant's hour or day must be (re)computed from this minute on", or "its
 * figures may be final further than before". A due mark is written after the rows it refers to are
 * durable, and deleted only by a run that listed it before it began to read.
 */
import { Buffer } from 'node:buffer';
import type { MerchantId, TerminalId } from '../../shared/ids.ts';
import { type DueKey, type DueLevel, dueKey, dueRange, parseDueKey } from '../../shared/keys.ts';
import { minuteOf } from '../../shared/time.ts';
import { pack, unpack } from '../../shared/wire/message-pack.ts';
import type { Column, Tables } from './tables.ts';

const TERMINALS: Column = 'b:terminals';

export interface NewDueMark {
  /** Minutes since 1970. */
  readonly minute: number;
  readonly merchant: MerchantId;
  readonly level: DueLevel;
  /** Hours or days since 1970; 0 for finality. */
  readonly time: number;
  readonly terminals: readonly TerminalId[];
}

export interface DueMark extends NewDueMark {
  readonly rowKey: Uint8Array;
}

/**
 * The minute from which an hour or day is due after one of its rows became durable: while the
 * period runs, a grace after its end; afterwards the next minute.
 *
 * @param end of the hour or day, milliseconds since 1970
 */
export const dueMinute = (end: number, now: number, graceMs: number): number =>
  Math.max(minuteOf(end + graceMs - 1), minuteOf(now)) + 1;

export class DueMarks {
  readonly #tables: Tables;
  readonly #nonce: () => string;

  /**
   * @param nonce 64 fresh random bits as 16 hex digits: in HBase a deleted key must never be reused
   */
  constructor(tables: Tables, nonce: () => string) {
    this.#tables = tables;
    this.#nonce = nonce;
  }

  /** Durable when it resolves. */
  add(marks: readonly NewDueMark[]): Promise<void> {
    return this.#tables.put(
      'due',
      marks.map((mark) => ({
        row: dueKey({ ...mark, nonce: this.#nonce() } satisfies DueKey),
        cells: new Map([[TERMINALS, pack(mark.terminals)]]),
      })),
    );
  }

  /**
   * Due marks of one salt whose minute is at or before `throughMinute`, earliest first.
   *
   * @param from begin at a minute, or continue after a due mark
   */
  async *due(
    salt: number,
    throughMinute: number,
    from: Pick<DueMark, 'rowKey'> | { readonly fromMinute: number } = { fromMinute: 0 },
  ): AsyncIterable<DueMark> {
    const range = dueRange(salt, throughMinute, 'fromMinute' in from ? from.fromMinute : 0);
    const start = 'rowKey' in from ? Buffer.concat([from.rowKey, Buffer.of(0)]) : range.start;
    for await (const row of this.#tables.scan('due', { ...range, start })) {
      const { minute, merchant, level, time } = parseDueKey(row.row);
      const terminals = unpack(row.cells.get(TERMINALS) ?? new Uint8Array()) as TerminalId[];
      yield { minute, merchant, level, time, terminals, rowKey: row.row };
    }
  }

  /** Deletes exactly these due marks. */
  remove(marks: readonly DueMark[]): Promise<void> {
    return this.#tables.delete(
      'due',
      marks.map((mark) => mark.rowKey),
    );
  }
}
