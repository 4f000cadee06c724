/**
 * Opens a TCP connection to a name with several addresses: "Happy Eyeballs" (RFC 8305), as curl
 * does. A new attempt begins a quarter of a second after the last, and the earlier ones go on: Node
 * gives each address that time only, and a slow route never answers within it.
 */
import { lookup } from 'node:dns/promises';
import { connect, type Socket } from 'node:net';
import type { Timers } from '../../port/timers.ts';

/** RFC 8305, section 8: Connection Attempt Delay. */
const ATTEMPT_DELAY_MS = 250;
/** Errors that say less than one of another address: this machine has no route of that family. */
const NO_ROUTE = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL']);

export interface Route {
  readonly host: string;
  readonly port: number;
}

export interface Dialing {
  readonly timers: Pick<Timers, 'after'>;
  readonly signal: AbortSignal;
  /** Called with each address that is tried. */
  readonly onAttempt: (address: string) => void;
  /** Of a name, in the order of preference. */
  readonly resolve?: (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;
}

const addressesOf: NonNullable<Dialing['resolve']> = (host) => lookup(host, { all: true, order: 'verbatim' });

/** RFC 8305, section 4: the families take turns. */
function interleaved(found: readonly { readonly address: string; readonly family: number }[]): string[] {
  const first = found.filter(({ family }) => family === found[0]?.family);
  const others = found.filter(({ family }) => family !== found[0]?.family);
  const longest = Math.max(first.length, others.length);
  return Array.from({ length: longest }, (_, at) => [first[at], others[at]])
    .flat()
    .flatMap((entry) => (entry === undefined ? [] : entry.address));
}

/** @throws the error of an address when all failed; the reason of `signal` */
export async function dial({ host, port }: Route, { timers, signal, onAttempt, resolve }: Dialing): Promise<Socket> {
  const addresses = interleaved(await (resolve ?? addressesOf)(host));
  signal.throwIfAborted();
  const sockets = new Set<Socket>();
  const errors: NodeJS.ErrnoException[] = [];
  let cancel = (): void => {};
  /** The winner's later errors are its session's. */
  let isOver = false;
  const abort = Promise.withResolvers<never>();
  const stop = (): void => abort.reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  const connected = new Promise<Socket>((won, lost) => {
    const attempt = (): void => {
      if (isOver) return;
      cancel();
      const address = addresses.shift();
      if (address === undefined) {
        if (sockets.size === 0) lost(errors.find(({ code }) => !NO_ROUTE.has(code ?? '')) ?? errors[0]);
        return;
      }
      onAttempt(address);
      const socket = connect({ host: address, port, noDelay: true });
      sockets.add(socket);
      socket.once('connect', () => won(socket));
      socket.once('error', (error) => {
        sockets.delete(socket);
        errors.push(error);
        attempt();
      });
      if (addresses.length > 0) cancel = timers.after(ATTEMPT_DELAY_MS, attempt);
    };
    attempt();
  });
  try {
    const socket = await Promise.race([connected, abort.promise]);
    sockets.delete(socket);
    return socket;
  } finally {
    isOver = true;
    cancel();
    signal.removeEventListener('abort', stop);
    for (const other of sockets) other.on('error', () => undefined).destroy();
  }
}
