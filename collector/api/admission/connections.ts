/**
 * The open HTTP connections, in all and by address. At a bound the connection makes room that has
 * waited longest for its client: for a request, the rest of one, or to read its answer. So
 * connections that nobody uses never keep a client or a health check out.
 */
import type { RequestGate } from './request-gate.ts';

export interface ConnectionLimits {
  readonly all: number;
  readonly perAddress: number;
}

/** `waiting`: for their clients, in the order in which that began. */
interface Group {
  open: number;
  readonly waiting: Set<RequestGate>;
}

export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #all: Group = { open: 0, waiting: new Set() };
  readonly #byAddress = new Map<string, Group>();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  get open(): number {
    return this.#all.open;
  }

  /**
   * Makes room for one more connection of the address, if a bound is reached.
   *
   * @param bounded whether the bound of one address applies to it
   * @returns which bound keeps it out, because all are waited for; null: it may come in
   */
  makeRoom(address: string, bounded: boolean): 'address' | 'all' | null {
    const group = this.#byAddress.get(address);
    if (bounded && group !== undefined && group.open >= this.#limits.perAddress && !cutLongestWaiting(group))
      return 'address';
    return this.#all.open < this.#limits.all || cutLongestWaiting(this.#all) ? null : 'all';
  }

  opened(gate: RequestGate): void {
    const group = this.#byAddress.get(gate.address) ?? { open: 0, waiting: new Set() };
    this.#byAddress.set(gate.address, group);
    for (const counted of [this.#all, group]) {
      counted.open++;
      counted.waiting.add(gate);
    }
  }

  waits(gate: RequestGate, waits: boolean): void {
    for (const group of [this.#all, this.#byAddress.get(gate.address)]) {
      if (waits) group?.waiting.add(gate);
      else group?.waiting.delete(gate);
    }
  }

  /** Once for each that was opened. */
  closed(gate: RequestGate): void {
    const group = this.#byAddress.get(gate.address)!;
    for (const counted of [this.#all, group]) {
      counted.open--;
      counted.waiting.delete(gate);
    }
    if (group.open === 0) this.#byAddress.delete(gate.address);
  }
}

/** A cut socket is closed, and no longer counted, a moment later. */
function cutLongestWaiting({ waiting }: Group): boolean {
  const [gate] = waiting;
  if (gate === undefined) return false;
  waiting.delete(gate);
  gate.cut();
  return true;
}
