/**
 * Admits connections that have not proved yet who they are. A handshake begins with a connection
 * and ends with its accepted CONNECT. Where there is no room left, in all or of one address, the
 * one that made no progress for longest is ended in favour of the newest: half-open sockets keep
 * nobody out.
 *
 * Invariant: at most `maxHandshakes` of all and `maxHandshakesPerAddress` of one address. An ended
 * one is gone at once, whatever its socket still does.
 */
import { BlockList, isIP, isIPv6 } from 'node:net';

export interface AdmissionLimits {
  readonly maxHandshakes: number;
  readonly maxHandshakesPerAddress: number;
  /** Addresses and networks (`10.0.0.0/8`) of load balancers: many tills share them. */
  readonly loadBalancers: readonly string[];
}

export type AdmissionReason = 'handshakes' | 'address-handshakes';

interface Handshake {
  readonly address: string;
  readonly end: () => void;
}

export interface Admitted {
  /** Whom it is charged to: an IPv4 address or an IPv6 network. */
  readonly address: string;
  /** Said at few, fixed points, so that nobody renews his time at will. */
  progressed(): void;
  /** The CONNECT was accepted, or the connection is closed. */
  done(): void;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #onEnd: (reason: AdmissionReason) => void;
  readonly #shared: BlockList;
  /** The one without progress for longest first, as in the sets below. */
  readonly #handshakes = new Set<Handshake>();
  readonly #byAddress = new Map<string, Set<Handshake>>();

  constructor(limits: AdmissionLimits, onEnd: (reason: AdmissionReason) => void) {
    this.#limits = limits;
    this.#onEnd = onEnd;
    this.#shared = networksOf(limits.loadBalancers);
  }

  /** Handshakes under way. */
  get size(): number {
    return this.#handshakes.size;
  }

  /**
   * @param peer the other end's address, as the system writes it
   * @param end closes the connection
   */
  admit(peer: string, end: () => void): Admitted {
    const { maxHandshakes, maxHandshakesPerAddress } = this.#limits;
    const address = networkOf(peer);
    const same = this.#byAddress.get(address);
    if (same !== undefined && same.size >= maxHandshakesPerAddress && !this.#isShared(peer))
      this.#endOldest(same, 'address-handshakes');
    if (this.#handshakes.size >= maxHandshakes) this.#endOldest(this.#handshakes, 'handshakes');
    const handshake = { address, end };
    this.#enter(handshake);
    return {
      address,
      progressed: () => {
        if (this.#leave(handshake)) this.#enter(handshake);
      },
      done: () => void this.#leave(handshake),
    };
  }

  #isShared(peer: string): boolean {
    const address = bare(peer);
    // A socket that is gone already has none.
    if (isIP(address) === 0) return false;
    return this.#shared.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  }

  #enter(handshake: Handshake): void {
    this.#handshakes.add(handshake);
    const same = this.#byAddress.get(handshake.address);
    if (same === undefined) this.#byAddress.set(handshake.address, new Set([handshake]));
    else same.add(handshake);
  }

  /** @returns false: it is none any more */
  #leave(handshake: Handshake): boolean {
    if (!this.#handshakes.delete(handshake)) return false;
    const same = this.#byAddress.get(handshake.address)!;
    same.delete(handshake);
    if (same.size === 0) this.#byAddress.delete(handshake.address);
    return true;
  }

  #endOldest(handshakes: ReadonlySet<Handshake>, reason: AdmissionReason): void {
    for (const oldest of handshakes) {
      this.#leave(oldest);
      this.#onEnd(reason);
      oldest.end();
      return;
    }
  }
}

/** An IPv4 address as such, also where the socket is of both families; an IPv6 one without zone. */
const bare = (peer: string): string => peer.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '');

/** Who has one IPv6 address has a /64 of them: its first four groups stand for all. */
function networkOf(peer: string): string {
  const address = bare(peer);
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - groups.length - after.length;
  return [...groups, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after].slice(0, 4).join(':');
}

/**
 * @param networks addresses and networks
 * @throws TypeError or RangeError when one is neither
 */
export function networksOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits, ...rest] = network.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (rest.length > 0 || bits === '') throw new TypeError('more than one "/", or nothing behind it');
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}
