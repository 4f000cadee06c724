/**
 * The open HTTP connections, in all and by address. At a bound the connection that has been idle
 * longest makes room, so connections that nobody uses never keep a client or a health check out.
 */
import type { RequestGate } from './request-gate.ts';

export interface ConnectionLimits {
  readonly all: number;
  readonly perAddress: number;
}

/** `idle`: in the order in which they became idle. */
interface Group {
  open: number;
  readonly idle: Set<RequestGate>;
}

export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #all: Group = { open: 0, idle: new Set() };
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
   * @returns which bound keeps it out, because no connection is idle; null: it may come in
   */
  makeRoom(address: string, bounded: boolean): 'address' | 'all' | null {
    const group = this.#byAddress.get(address);
    if (bounded && group !== undefined && group.open >= this.#limits.perAddress && !cutLongestIdle(group))
      return 'address';
    return this.#all.open < this.#limits.all || cutLongestIdle(this.#all) ? null : 'all';
  }

  opened(gate: RequestGate): void {
    const group = this.#byAddress.get(gate.address) ?? { open: 0, idle: new Set() };
    this.#byAddress.set(gate.address, group);
    for (const counted of [this.#all, group]) {
      counted.open++;
      counted.idle.add(gate);
    }
  }

  idle(gate: RequestGate, idle: boolean): void {
    for (const group of [this.#all, this.#byAddress.get(gate.address)]) {
      if (idle) group?.idle.add(gate);
      else group?.idle.delete(gate);
    }
  }

  /** Once for each that was opened. */
  closed(gate: RequestGate): void {
    const group = this.#byAddress.get(gate.address)!;
    for (const counted of [this.#all, group]) {
      counted.open--;
      counted.idle.delete(gate);
    }
    if (group.open === 0) this.#byAddress.delete(gate.address);
  }
}

/** A cut socket is closed, and no longer counted, a moment later. */
function cutLongestIdle({ idle }: Group): boolean {
  const [gate] = idle;
  if (gate === undefined) return false;
  idle.delete(gate);
  gate.cut();
  return true;
}
