/** Whom a connection or request is charged to: the client, behind trusted proxies too. */
import { BlockList, isIP, isIPv4 } from 'node:net';

const MAPPED = /^::ffff:(?=\d+\.)/i;

/** A client with IPv6 has a whole /64 of addresses, so that is what is charged. */
export function chargedAddress(address: string): string {
  if (isIPv4(address)) return address;
  const plain = address.replace(MAPPED, '');
  if (isIP(plain) !== 6) return plain;
  const [head = '', tail = ''] = plain.split('%')[0]!.split('::');
  const groups = head === '' ? [] : head.split(':');
  const missing = plain.includes('::') ? 8 - groups.length - (tail === '' ? 0 : tail.split(':').length) : 0;
  const all = [...groups, ...Array.from({ length: missing }, () => '0'), ...(tail === '' ? [] : tail.split(':'))];
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

/** Addresses and networks (`10.0.0.0/8`), as the configuration lists them. */
export class TrustedProxies {
  readonly #list = new BlockList();
  readonly #isEmpty: boolean;

  /** @throws Error on text that is neither */
  constructor(entries: readonly string[]) {
    this.#isEmpty = entries.length === 0;
    for (const entry of entries) {
      const [address = '', prefix] = entry.split('/');
      const family = isIPv4(address) ? 'ipv4' : 'ipv6';
      if (prefix === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(prefix), family);
    }
  }

  trusts(address: string): boolean {
    if (this.#isEmpty) return false;
    const plain = address.replace(MAPPED, '');
    return isIP(plain) !== 0 && this.#list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
  }
}
