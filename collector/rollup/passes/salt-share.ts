/**
 * Which salts a runner works on. Runners divide them by leases: each holds a slot, and of the slots
 * that are held the n-th works on every n-th salt.
 *
 * Leases only divide work. Two runners that both take a salt for theirs do some of it twice, and
 * compare-and-set decides between them; a salt that nobody takes waits for a renewal.
 */
import type { Lease, Leases } from '../../store/leases.ts';

export interface SaltShareOptions {
  readonly leases: Pick<Leases, 'list' | 'write'>;
  /** Of this process alone. */
  readonly owner: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A runner that is gone is noticed after this. Clocks differ by less than 10 s. */
export const LEASE_MS = 20_000;
export const RENEW_EVERY_MS = 5_000;
/** More runners than slots work without one, on everything. */
const MAX_SLOTS = 256;

export class SaltShare {
  readonly #options: SaltShareOptions;
  /** Rank of the own slot among those that are held; null: none is held. */
  #share: { readonly rank: number; readonly of: number } | null = null;
  #isFreed = false;

  constructor(options: SaltShareOptions) {
    this.#options = options;
  }

  /** Without a lease everything: work is done twice rather than not at all. */
  owns(salt: number): boolean {
    return this.#share === null || salt % this.#share.of === this.#share.rank;
  }

  /** How many runners hold a slot, as far as is known. */
  get runners(): number {
    return this.#share?.of ?? 1;
  }

  /**
   * Takes or renews a slot, and sees who else holds one. Call it every `RENEW_EVERY_MS`.
   *
   * @returns whether the share has changed: marks of other salts may be due
   */
  async renew(): Promise<boolean> {
    const { leases, owner, now } = this.#options;
    if (this.#isFreed) return false;
    const time = now();
    const before = await leases.list();
    const own = before.find((lease) => lease.owner === owner) ?? null;
    const free = own ?? before.find(({ until }) => until <= time) ?? null;
    const slot = free?.slot ?? before.length;
    const isHeld = slot < MAX_SLOTS && (await leases.write({ slot, owner, until: time + LEASE_MS }, free));
    const others = before.filter((lease) => lease.until > time && lease.slot !== slot);
    return this.#set(
      isHeld ? { rank: others.filter((lease) => lease.slot < slot).length, of: others.length + 1 } : null,
    );
  }

  /** Gives the slot up: the others take its salts at their next renewal. */
  async free(): Promise<void> {
    this.#isFreed = true;
    const { leases, owner } = this.#options;
    const own: Lease | undefined = (await leases.list()).find((lease) => lease.owner === owner);
    if (own !== undefined) await leases.write({ ...own, until: 0 }, own);
  }

  #set(share: { rank: number; of: number } | null): boolean {
    const before = this.#share;
    this.#share = share;
    return before?.rank !== share?.rank || before?.of !== share?.of;
  }
}
