/**
 * Room for batches in memory, from their arrival to their answer: of a terminal, of a merchant and
 * in all, by `merchant-shares.ts`.
 *
 * A batch that was answered while its commit still runs is held by that commit: `GroupLimits`
 * bounds those.
 */
import type { Payer } from './fair-queue.ts';
import { MerchantShares } from './merchant-shares.ts';

export interface RoomLimits {
  readonly maxBytes: number;
  readonly maxTerminalBatches: number;
  readonly maxTerminalBytes: number;
}

/** Approximate overhead of a batch besides its bytes. */
const BATCH_BYTES = 512;

/** What a terminal holds. */
interface Held {
  batches: number;
  bytes: number;
}

/** The room that a batch takes. */
export interface Place {
  readonly payer: Payer;
  readonly bytes: number;
  /** What its terminal holds, with this batch. */
  readonly terminal: Readonly<Held>;
}

export class Room {
  readonly #limits: RoomLimits;
  readonly #terminals = new Map<string, Held>();
  readonly #shares: MerchantShares;

  constructor(limits: RoomLimits) {
    this.#limits = limits;
    this.#shares = new MerchantShares(limits.maxBytes);
  }

  get heldBytes(): number {
    return this.#shares.taken;
  }

  /** Bytes that a merchant holds, and how many it may hold while others hold what they hold. */
  ofMerchant({ merchant }: Payer): { readonly held: number; readonly max: number } {
    return this.#shares.of(merchant);
  }

  /** @returns why there is no room, or the place, which must be released once */
  take(payer: Payer, size: number): 'terminal-room' | 'merchant-room' | Place {
    const { maxTerminalBatches, maxTerminalBytes } = this.#limits;
    const bytes = size + BATCH_BYTES;
    const name = nameOf(payer);
    const known = this.#terminals.get(name);
    if (known !== undefined && (known.batches >= maxTerminalBatches || known.bytes + bytes > maxTerminalBytes))
      return 'terminal-room';
    if (!this.#shares.take(payer.merchant, bytes)) return 'merchant-room';
    return { payer, bytes, terminal: add(this.#terminals, name, bytes) };
  }

  release({ payer, bytes }: Place): void {
    remove(this.#terminals, nameOf(payer), bytes);
    this.#shares.release(payer.merchant, bytes);
  }
}

function add(all: Map<string, Held>, name: string, bytes: number): Held {
  let held = all.get(name);
  if (held === undefined) {
    held = { batches: 0, bytes: 0 };
    all.set(name, held);
  }
  held.batches++;
  held.bytes += bytes;
  return held;
}

function remove(all: Map<string, Held>, name: string, bytes: number): void {
  const held = all.get(name)!;
  held.batches--;
  held.bytes -= bytes;
  if (held.batches === 0) all.delete(name);
}

const nameOf = ({ merchant, terminal }: Payer): string => `${merchant}/${terminal}`;
