/**
 * Finds the seqs that rows of one stream and hour claim with different content. Keys tell which
 * rows share a seq; only those are read.
 */
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { toEvents } from '../../../shared/wire/event-columns.ts';
import { readRow, UnreadableRow } from '../../aggregation/raw-row.ts';
import type { EventLog, RawRow } from '../../store/event-log.ts';

/** A row as it claims a seq. */
export interface Claim {
  /** Hex. */
  readonly rowKey: string;
  /** Milliseconds since 1970. */
  readonly arrival: number;
}

/** Consecutive seqs that two rows claim with different content. */
export interface Conflict extends Pick<RawRow['key'], 'merchant' | 'terminal' | 'epoch' | 'hour'> {
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** The row whose events count. */
  readonly counts: Claim;
  readonly other: Claim;
}

interface Content extends Claim {
  readonly content: string;
}

/** As in the fold: the earlier arrival counts, then the lower key. */
const precedes = (a: Claim, b: Claim): boolean =>
  a.arrival < b.arrival || (a.arrival === b.arrival && a.rowKey < b.rowKey);

/** Different contents of one seq that are told: bounds memory, whatever a till has sent. */
const MAX_CONTENTS = 8;
/** Rows read together. */
const ROWS_PER_READ = 16;

/**
 * @param rows of the log in key order; their bytes are not needed
 * @param onUnreadable called with each row that shares a seq with another one and cannot be read:
 *   what it claims is not known
 */
export async function* conflictsOf(
  log: EventLog,
  rows: AsyncIterable<RawRow>,
  onUnreadable: (row: RawRow, fault: UnreadableRow) => void,
): AsyncGenerator<Conflict, void> {
  let claims: SeqClaims | null = null;
  let stream = '';
  for await (const row of inFull(log, overlapping(rows))) {
    if (streamOf(row) !== stream && claims !== null) yield* claims.through(Number.POSITIVE_INFINITY);
    if (streamOf(row) !== stream) claims = new SeqClaims(row.key);
    stream = streamOf(row);
    yield* claims!.through(row.key.firstSeq - 1);
    try {
      claims!.add(row);
    } catch (fault) {
      if (!(fault instanceof UnreadableRow)) throw fault;
      onUnreadable(row, fault);
    }
  }
  if (claims !== null) yield* claims.through(Number.POSITIVE_INFINITY);
}

const streamOf = ({ key }: RawRow): string => `${key.merchant}/${key.hour}/${key.terminal}/${key.epoch}`;

/** Rows of events that share a seq with another row of their stream and hour. */
async function* overlapping(rows: AsyncIterable<RawRow>): AsyncGenerator<RawRow, void> {
  let stream = '';
  /** The first seq of the stream that no row so far reaches. */
  let end = 0;
  /** The row that reaches it, unless it was given out already. */
  let alone: RawRow | null = null;
  for await (const row of rows) {
    if (row.key.kind !== 'events') continue;
    if (streamOf(row) !== stream) {
      stream = streamOf(row);
      end = 0;
    }
    if (row.key.firstSeq >= end) alone = row;
    else {
      if (alone !== null) yield alone;
      alone = null;
      yield row;
    }
    end = Math.max(end, row.key.firstSeq + row.key.count);
  }
}

/** The same rows with their bytes; a row that has expired meanwhile is left out. */
async function* inFull(log: EventLog, rows: AsyncIterable<RawRow>): AsyncGenerator<RawRow, void> {
  let keys: Uint8Array[] = [];
  for await (const { rowKey } of rows) {
    keys.push(rowKey);
    if (keys.length < ROWS_PER_READ) continue;
    yield* log.get(keys);
    keys = [];
  }
  yield* log.get(keys);
}

/** What rows of one stream and hour, which come in key order, say of the seqs not finished yet. */
class SeqClaims {
  readonly #of: RawRow['key'];
  /** By seq: one claim for each content, the one that counts first. */
  readonly #contents = new Map<number, Content[]>();
  /** Conflicts that the next seq may continue, by the two rows. */
  #open = new Map<string, Conflict>();

  constructor(of: RawRow['key']) {
    this.#of = of;
  }

  /** @throws UnreadableRow */
  add(row: RawRow): void {
    const { columns } = readRow(row);
    const claim = { rowKey: Buffer.from(row.rowKey).toString('hex'), arrival: row.arrival };
    for (const [index, event] of (columns === null ? [] : toEvents(columns)).entries()) {
      const seq = row.key.firstSeq + index;
      const contents = this.#contents.get(seq) ?? [];
      this.#contents.set(seq, contents);
      insert(contents, { ...claim, content: hash('sha256', JSON.stringify(event)) });
    }
  }

  /** The conflicts of the seqs up to `last`, of which no further row comes. */
  *through(last: number): Generator<Conflict, void> {
    for (const [seq, contents] of [...this.#contents].sort(([a], [b]) => a - b)) {
      if (seq > last) return;
      this.#contents.delete(seq);
      const continued = new Map<string, Conflict>();
      for (const other of contents.slice(1)) {
        const [counts] = contents;
        const name = `${counts!.rowKey}/${other.rowKey}`;
        const before = this.#open.get(name);
        const goesOn = before !== undefined && before.lastSeq === seq - 1;
        continued.set(name, goesOn ? { ...before, lastSeq: seq } : this.#conflict(seq, counts!, other));
        if (goesOn) this.#open.delete(name);
      }
      yield* this.#open.values();
      this.#open = continued;
    }
    if (last !== Number.POSITIVE_INFINITY) return;
    yield* this.#open.values();
    this.#open.clear();
  }

  #conflict(seq: number, counts: Claim, other: Claim): Conflict {
    const { merchant, terminal, epoch, hour } = this.#of;
    const claim = ({ rowKey, arrival }: Claim): Claim => ({ rowKey, arrival });
    const seqs = { firstSeq: seq, lastSeq: seq };
    return { merchant, terminal, epoch, hour, ...seqs, counts: claim(counts), other: claim(other) };
  }
}

/** Keeps the claims sorted, one for each content, and not too many. */
function insert(contents: Content[], claim: Content): void {
  const same = contents.findIndex(({ content }) => content === claim.content);
  if (same >= 0) {
    if (!precedes(claim, contents[same]!)) return;
    contents.splice(same, 1);
  }
  const place = contents.findIndex((other) => precedes(claim, other));
  contents.splice(place < 0 ? contents.length : place, 0, claim);
  if (contents.length > MAX_CONTENTS) contents.pop();
}
