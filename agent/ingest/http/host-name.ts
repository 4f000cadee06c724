/** Names of hosts in one spelling, so that they can be compared. */

/** What a URL would take for something else than a host and a port. */
const HOST_AND_PORT = /^(?:\[[0-9a-f:.]+\]|[^[\]:@/?#\\\s%*]+)(?::[0-9]*)?$/i;

/** The names that nearly all tills use, as they are to be written, and a port that can be one. */
const USUAL = /^(localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,4})?$/;

/**
 * The host of `HOST` or `HOST:PORT`, as browsers write it: in lower case, `127.1` as 127.0.0.1, an
 * IPv6 address in brackets and as short as can be, without a final dot.
 *
 * @returns null when the text names no host
 */
export function hostName(authority: string): string | null {
  // To parse a URL takes longer than all else that is asked of a request's head.
  const usual = USUAL.exec(authority)?.[1];
  if (usual !== undefined) return usual;
  if (!HOST_AND_PORT.test(authority) || !URL.canParse(`http://${authority}`)) return null;
  const name = new URL(`http://${authority}`).hostname.replace(/\.$/, '');
  return name === '' ? null : name;
}

/** As `hostName`, of an address without a port, which may be IPv6 without brackets. */
export function addressName(address: string): string | null {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address);
  return hostName(mapped?.[1] ?? (address.includes(':') && !address.startsWith('[') ? `[${address}]` : address));
}

/** Whether a name, as `hostName` writes it, means this machine wherever it is used. */
export const isLoopback = (name: string): boolean =>
  name === 'localhost' || name === '[::1]' || /^127\.[0-9.]+$/.test(name) || /^\[::ffff:7f[0-9a-f]{2}:/.test(name);
