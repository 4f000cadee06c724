/**
 * The balance of seqs: what a till has given out = stored + pending + lost. Pure, but for the log
 * that it reads.
 */
import type { Epoch, MerchantId, TerminalId } from '../../../shared/ids.ts';
import { countOf, difference, type Ranges, union } from '../../../shared/seq-ranges.ts';
import type { EventLog } from '../../store/event-log.ts';
import type { TerminalStatus } from '../../store/terminals.ts';

/** What a till said last of one of its epochs. */
export interface GivenOut {
  readonly terminal: TerminalId;
  readonly epoch: Epoch;
  readonly lastSeq: number;
  readonly pending: Ranges;
}

export interface Balance extends GivenOut {
  readonly stored: number;
  readonly lost: number;
  /** Seqs that are neither stored, nor pending, nor lost. */
  readonly missing: Ranges;
  /** Arrival of the last row before the first of them, milliseconds since 1970; null: none. */
  readonly since: number | null;
}

/** Epochs that a later status says are over have nothing pending. */
export function givenOutOf(statuses: readonly TerminalStatus[]): GivenOut[] {
  const given = new Map<Epoch, GivenOut>();
  for (const { terminal, epoch, lastSeq, pending } of statuses)
    given.set(epoch, { terminal, epoch, lastSeq, pending: union(pending) });
  for (const { terminal, closed = [] } of statuses)
    for (const [epoch, lastSeq] of closed) {
      const said = given.get(epoch);
      // A buffer that knows fewer seqs is a clone of the till's.
      if (lastSeq >= (said?.lastSeq ?? 0)) given.set(epoch, { terminal, epoch, lastSeq, pending: [] });
    }
  return [...given.values()].filter(({ lastSeq }) => lastSeq > 0);
}

/** Ranges that are collected before they are merged. */
const RANGES_PER_MERGE = 1_000;

class Seqs {
  #merged: Ranges = [];
  #more: [number, number][] = [];

  add(first: number, last: number): void {
    const before = this.#more.at(-1);
    if (before !== undefined && first >= before[0] && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else if (this.#more.push([first, last]) >= RANGES_PER_MERGE + this.#merged.length) this.ranges();
  }

  ranges(): Ranges {
    this.#merged = union([...this.#merged, ...this.#more]);
    this.#more = [];
    return this.#merged;
  }
}

interface Ledger {
  readonly stored: Seqs;
  readonly lost: Seqs;
  /** Of the row with the lowest seq. */
  first: { readonly seq: number; readonly arrival: number } | null;
}

const nameOf = ({ terminal, epoch }: Pick<GivenOut, 'terminal' | 'epoch'>): string => `${terminal}/${epoch}`;

/**
 * The streams that do not add up. What a till said must have been read before the log: what it says
 * is not pending any more was stored by then.
 *
 * @param expiry rows that arrived before have expired, and with them those before them
 */
export async function unbalanced(
  log: Pick<EventLog, 'scan'>,
  merchant: MerchantId,
  given: readonly GivenOut[],
  { hours, expiry }: { readonly hours: number; readonly expiry: number },
): Promise<Balance[]> {
  const ledgers = new Map<string, Ledger>();
  for (const of of given) ledgers.set(nameOf(of), { stored: new Seqs(), lost: new Seqs(), first: null });
  for await (const { key, arrival } of log.scan(merchant, 0, hours, { keysOnly: true })) {
    const ledger = ledgers.get(nameOf(key));
    if (ledger === undefined) continue;
    (key.kind === 'events' ? ledger.stored : ledger.lost).add(key.firstSeq, key.firstSeq + key.count - 1);
    if (ledger.first === null || key.firstSeq < ledger.first.seq) ledger.first = { seq: key.firstSeq, arrival };
  }
  const found: Balance[] = [];
  for (const of of given) {
    const { stored: events, lost: losses, first } = ledgers.get(nameOf(of))!;
    const start = first !== null && first.arrival < expiry ? first.seq : 1;
    if (start > of.lastSeq) continue;
    const stored = events.ranges();
    const lost = difference(losses.ranges(), stored);
    const missing = difference([[start, of.lastSeq]], union([...stored, ...of.pending, ...lost]));
    if (missing.length === 0) continue;
    found.push({ ...of, stored: countOf(stored), lost: countOf(lost), missing, since: null });
  }
  return found.length === 0 ? [] : withSince(log, merchant, found, hours);
}

/** Reads the keys again: this is rare. */
async function withSince(
  log: Pick<EventLog, 'scan'>,
  merchant: MerchantId,
  found: readonly Balance[],
  hours: number,
): Promise<Balance[]> {
  const last = new Map<string, { readonly seq: number; readonly arrival: number }>();
  const firstMissing = new Map(found.map((of) => [nameOf(of), of.missing[0]![0]]));
  for await (const { key, arrival } of log.scan(merchant, 0, hours, { keysOnly: true })) {
    const name = nameOf(key);
    if (key.firstSeq >= (firstMissing.get(name) ?? 0) || key.firstSeq <= (last.get(name)?.seq ?? 0)) continue;
    last.set(name, { seq: key.firstSeq, arrival });
  }
  return found.map((of) => ({ ...of, since: last.get(nameOf(of))?.arrival ?? null }));
}
