/**
 * Room for batches in memory, from their arrival to their answer: of a terminal, of a merchant and
 * in all. A merchant may hold as much as is left to others (a dynamic threshold: Choudhury, Hahne
 * 1998), so one alone holds half, and each newcomer finds room.
 *
 * A batch that was answered while its commit still runs is held by that commit: `GroupLimits`
 * bounds those.
 */
import type { Payer } from './fair-queue.ts';

export interface RoomLimits {
  readonly maxBytes: number;
  readonly maxTerminalBatches: number;
  readonly maxTerminalBytes: number;
}

/** Approximate overhead of a batch besides its bytes. */
const BATCH_BYTES = 512;

interface Held {
  batches: number;
  bytes: number;
}

export class Room {
  readonly #limits: RoomLimits;
  readonly #terminals = new Map<string, Held>();
  readonly #merchants = new Map<string, Held>();
  #bytes = 0;

  constructor(limits: RoomLimits) {
    this.#limits = limits;
  }

  get heldBytes(): number {
    return this.#bytes;
  }

  /** Bytes that a merchant holds, and how many it may hold while others hold what they hold. */
  ofMerchant({ merchant }: Payer): { readonly held: number; readonly max: number } {
    const held = this.#merchants.get(merchant)?.bytes ?? 0;
    return { held, max: (this.#limits.maxBytes - (this.#bytes - held)) / 2 };
  }

  /** Batches of a terminal. */
  batchesOf(payer: Payer): number {
    return this.#terminals.get(nameOf(payer))?.batches ?? 0;
  }

  /** @returns why there is no room; null when it was taken, and must be released */
  take(payer: Payer, size: number): 'terminal-room' | 'merchant-room' | null {
    const { maxTerminalBatches, maxTerminalBytes } = this.#limits;
    const bytes = size + BATCH_BYTES;
    const terminal = this.#terminals.get(nameOf(payer));
    if (terminal !== undefined && (terminal.batches >= maxTerminalBatches || terminal.bytes + bytes > maxTerminalBytes))
      return 'terminal-room';
    const { held, max } = this.ofMerchant(payer);
    if (held + bytes > max) return 'merchant-room';
    this.#bytes += bytes;
    add(this.#terminals, nameOf(payer), 1, bytes);
    add(this.#merchants, payer.merchant, 1, bytes);
    return null;
  }

  /** Call it once for what `take` took. */
  release(payer: Payer, size: number): void {
    const bytes = size + BATCH_BYTES;
    this.#bytes -= bytes;
    add(this.#terminals, nameOf(payer), -1, -bytes);
    add(this.#merchants, payer.merchant, -1, -bytes);
  }
}

function add(all: Map<string, Held>, name: string, batches: number, bytes: number): void {
  const held = all.get(name) ?? { batches: 0, bytes: 0 };
  held.batches += batches;
  held.bytes += bytes;
  if (held.batches === 0) all.delete(name);
  else all.set(name, held);
}

const nameOf = ({ merchant, terminal }: Payer): string => `${merchant}/${terminal}`;
