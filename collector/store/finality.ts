/**
 * How far a merchant's figures are final, and what the tills say of it: cells of `terminals`.
 *
 * An epoch's clearance is the latest of what its statuses and its batches said. The finality record
 * is a row of the merchant, before those of its terminals, so that one scan reads both.
 */
import { Buffer } from 'node:buffer';
import type { Epoch, MerchantId, TerminalId } from '../../shared/ids.ts';
import { parseTerminalKey, prefixEnd, REGISTRY_EPOCH, terminalKey, terminalsPrefix } from '../../shared/keys.ts';
import { pack, unpack } from '../../shared/wire/message-pack.ts';
import type { Column, Put, Row, Tables } from './tables.ts';
import { REGISTRY, type Registration, STATUS, type TerminalStatus } from './terminals.ts';

const CLEARANCE: Column = 'm:clearance';
const FINALITY: Column = 'm:finality';
const PARKED: Column = 'm:parked';
/** Of a terminal's row, of which one has hundreds of bytes. */
const ROW_BYTES = 2_048;

/** What a batch said. */
export interface Clearance {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  readonly epoch: Epoch;
  /** Milliseconds since 1970. */
  readonly clearThrough: number;
  /** Of the batch. */
  readonly lastSeq: number;
  /** Its arrival, milliseconds since 1970. */
  readonly at: number;
}

/** The latest that an epoch said. */
export interface EpochClearance {
  readonly epoch: Epoch;
  readonly clearThrough: number;
  readonly lastSeen: number;
  readonly lastSeq: number;
  /** Epochs that it says are over, each with its last seq. */
  readonly closed: readonly (readonly [Epoch, number])[];
}

export interface TerminalClearances {
  readonly terminal: TerminalId;
  readonly isRetired: boolean;
  readonly epochs: readonly EpochClearance[];
}

export interface FinalityRecord {
  /** All hours before this instant are final, but for the holes. Milliseconds since 1970. */
  readonly through: number;
  /** Hours before it that are not, because something of them is parked. Hours since 1970. */
  readonly holes: readonly number[];
}

/**
 * Which hours anything of a merchant was ever parked in, in whatever logic version: half-open, and
 * never less than that. It grows only. Hours since 1970.
 */
export interface ParkedSpan {
  /** False while it is being found out. */
  readonly isKnown: boolean;
  readonly from: number;
  readonly to: number;
}

/** What is asked before a merchant's figures are read. */
export interface MerchantState {
  readonly record: FinalityRecord | null;
  /** Null: unknown. */
  readonly parked: ParkedSpan | null;
}

export class Finality {
  readonly #tables: Tables;
  constructor(tables: Tables) {
    this.#tables = tables;
  }

  async record(merchant: MerchantId): Promise<FinalityRecord | null> {
    return (await this.state(merchant)).record;
  }

  async state(merchant: MerchantId): Promise<MerchantState> {
    const [row] = await this.#tables.get('terminals', [terminalsPrefix(merchant)], [FINALITY, PARKED]);
    return row ? stateOf(row.cells) : { record: null, parked: null };
  }

  /** The same, and the clearances of all terminals in order of their ids, as of one read. */
  async read(merchant: MerchantId): Promise<MerchantState & { readonly terminals: readonly TerminalClearances[] }> {
    const start = terminalsPrefix(merchant);
    const range = { start, stop: prefixEnd(start), rowBytes: ROW_BYTES };
    const columns = [FINALITY, PARKED, REGISTRY, STATUS, CLEARANCE];
    let state: MerchantState = { record: null, parked: null };
    const terminals: { terminal: TerminalId; isRetired: boolean; epochs: EpochClearance[] }[] = [];
    for await (const { row, cells } of this.#tables.scan('terminals', { ...range, columns })) {
      if (row.length === start.length) {
        state = stateOf(cells);
        continue;
      }
      const { terminal, epoch } = parseTerminalKey(row);
      let last = terminals.at(-1);
      if (last?.terminal !== terminal) {
        last = { terminal, isRetired: false, epochs: [] };
        terminals.push(last);
      }
      if (epoch === REGISTRY_EPOCH) {
        const registry = cells.get(REGISTRY);
        last.isRetired = registry !== undefined && (unpack(registry) as Registration).state === 'retired';
      } else {
        const clearance = clearanceOf(epoch, cells);
        if (clearance !== null) last.epochs.push(clearance);
      }
    }
    return { ...state, terminals };
  }

  /** @returns false when the record has changed since it was read as `expected` */
  write(merchant: MerchantId, next: FinalityRecord, expected: FinalityRecord | null): Promise<boolean> {
    const put = { row: terminalsPrefix(merchant), cells: new Map([[FINALITY, pack(next)]]) };
    const check = { column: FINALITY, expected: expected === null ? null : pack(expected) };
    return this.#tables.checkAndPut('terminals', check, put);
  }

  /**
   * Includes hours in a merchant's span of parked ones. One that nobody has begun stays unknown.
   *
   * @param hours null: it has all
   */
  async includeParked(merchant: MerchantId, hours: Pick<ParkedSpan, 'from' | 'to'> | null): Promise<void> {
    for (;;) {
      const { parked } = await this.state(merchant);
      if (parked === null) return;
      const next = including(parked, hours);
      const isSame = next.from === parked.from && next.to === parked.to && next.isKnown === parked.isKnown;
      if (isSame || (await this.#writeParked(merchant, next, parked))) return;
    }
  }

  /** Begins the span of a merchant that has a record and none. */
  async beginParked(merchant: MerchantId): Promise<void> {
    const { record, parked } = await this.state(merchant);
    if (record !== null && parked === null) await this.#writeParked(merchant, { isKnown: false, from: 0, to: 0 }, null);
  }

  #writeParked(merchant: MerchantId, next: ParkedSpan, expected: ParkedSpan | null): Promise<boolean> {
    const put = { row: terminalsPrefix(merchant), cells: new Map([[PARKED, packSpan(next)]]) };
    const check = { column: PARKED, expected: expected && packSpan(expected) };
    return this.#tables.checkAndPut('terminals', check, put);
  }

  /**
   * Of all merchants nothing is final, and each till is waited for until it speaks.
   *
   * @param dormantMs epochs that were silent for so long when the last one spoke stay as they are
   */
  async forgetAll(now: number, dormantMs: number): Promise<void> {
    const all = { start: Buffer.of(), stop: Buffer.of(0xff, 0xff) };
    let last = 0;
    for await (const { cells } of this.#tables.scan('terminals', { ...all, columns: [STATUS] }))
      last = Math.max(last, (unpack(cells.get(STATUS)!) as TerminalStatus).lastSeen);
    for await (const row of this.#tables.scan('terminals', all))
      if (isFinalityRow(row)) await this.#forget(row);
      else if (row.cells.has(STATUS))
        await this.#tables.put('terminals', [withoutClearance(row, now, last - dormantMs)]);
  }

  /** By compare-and-set: a plain put may be older than the record. */
  async #forget({ row, cells }: Row): Promise<void> {
    const nothing: FinalityRecord = { through: 0, holes: [] };
    const check = { column: FINALITY, expected: cells.get(FINALITY)! };
    await this.#tables.checkAndPut('terminals', check, { row, cells: new Map([[FINALITY, pack(nothing)]]) });
  }

  /** Stores the last clearance of several epochs; the newest wins. */
  putClearances(clearances: readonly Clearance[]): Promise<void> {
    return this.#tables.put(
      'terminals',
      clearances.map(({ merchant, terminal, epoch, clearThrough, lastSeq, at }) => ({
        row: terminalKey(merchant, terminal, epoch),
        cells: new Map([[CLEARANCE, pack([clearThrough, lastSeq, at])]]),
        time: at,
      })),
    );
  }
}

/** Whether a row of `terminals` is a merchant's finality record. */
export const isFinalityRow = ({ cells }: Pick<Row, 'cells'>): boolean => cells.has(FINALITY);

/**
 * A terminal's row for a store that lacks what came after it: its till is waited for until it has
 * said anew what it holds, however complete it was.
 *
 * @param dormant an epoch that was last seen before stays as it is, milliseconds since 1970
 */
export function withoutClearance({ row, cells, time }: Row, now: number, dormant: number): Put {
  const status = cells.get(STATUS);
  if (status === undefined) return { row, time, cells };
  const { closed: _, ...said } = unpack(status) as TerminalStatus;
  if (said.lastSeen < dormant) return { row, time, cells };
  const next = new Map(cells);
  next.set(STATUS, pack({ ...said, clearThrough: 0, lastSeen: now } satisfies TerminalStatus));
  if (cells.has(CLEARANCE)) next.set(CLEARANCE, pack([0, said.lastSeq, now]));
  return { row, time: now, cells: next };
}

type Cells = ReadonlyMap<Column, Uint8Array>;

function recordOf(cells: Cells): FinalityRecord | null {
  const bytes = cells.get(FINALITY);
  return bytes === undefined ? null : (unpack(Buffer.from(bytes)) as FinalityRecord);
}

function stateOf(cells: Cells): MerchantState {
  const parked = cells.get(PARKED);
  return { record: recordOf(cells), parked: parked === undefined ? null : (unpack(Buffer.from(parked)) as ParkedSpan) };
}

function including(span: ParkedSpan, hours: Pick<ParkedSpan, 'from' | 'to'> | null): ParkedSpan {
  if (hours === null) return { ...span, isKnown: true };
  if (span.from >= span.to) return { ...span, ...hours };
  return { ...span, from: Math.min(span.from, hours.from), to: Math.max(span.to, hours.to) };
}

const packSpan = ({ isKnown, from, to }: ParkedSpan): Uint8Array => pack({ isKnown, from, to });

/** Null for a row that says nothing of its epoch. */
function clearanceOf(epoch: Epoch, cells: Cells): EpochClearance | null {
  const [status, clearance] = [cells.get(STATUS), cells.get(CLEARANCE)];
  const said = status === undefined ? null : (unpack(status) as TerminalStatus);
  if (clearance === undefined) {
    if (said === null) return null;
    const { clearThrough, lastSeen, lastSeq, closed } = said;
    return { epoch, clearThrough, lastSeen, lastSeq, closed: closed ?? [] };
  }
  const [clearThrough, lastSeq, at] = unpack(clearance) as [number, number, number];
  return {
    epoch,
    clearThrough: said !== null && said.lastSeen > at ? said.clearThrough : clearThrough,
    lastSeen: Math.max(at, said?.lastSeen ?? 0),
    lastSeq: Math.max(lastSeq, said?.lastSeq ?? 0),
    closed: said?.closed ?? [],
  };
}
