/** Listens on an address; a loopback host stands for both loopback addresses, 127.0.0.1 and ::1. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The server cannot listen, for an expected reason. The message says how to correct it. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

function listenAt(server: Server, host: string, port: number, notice: (message: string) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, ipv6Only: host === '::1' }, () => {
      server.off('error', reject);
      server.on('error', (error) => notice(`listening on ${host}: ${error.message}`));
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function explain(error: unknown, address: string, port: number): ListenError {
  const { code, message } = error as NodeJS.ErrnoException;
  const why =
    code === 'EADDRINUSE'
      ? 'the port is in use: stop the program that uses it, or set another ingest.port'
      : code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND'
        ? 'it is not an address of this machine: set another ingest.host'
        : message;
  return new ListenError(`cannot listen on ${address} port ${port}: ${why}`, { cause: error });
}

/**
 * Listens with one server per address. A machine without IPv6 gets 127.0.0.1 only; so does a free
 * port whose number is in use on ::1.
 *
 * @param wanted port; 0: any free one
 * @param create makes a server that does not listen yet
 * @throws ListenError when the address is in use or does not belong to this machine
 */
export async function listenOn(
  host: string,
  wanted: number,
  create: () => Server,
  notice: (message: string) => void,
): Promise<{ readonly servers: readonly Server[]; readonly port: number }> {
  const both = host === '127.0.0.1' || host === 'localhost';
  const address = both ? '127.0.0.1' : host;
  const first = create();
  const port = await listenAt(first, address, wanted, notice).catch((error: unknown) => {
    throw explain(error, address, wanted);
  });
  if (!both) return { servers: [first], port };
  const second = create();
  try {
    await listenAt(second, '::1', port, notice);
    return { servers: [first, second], port };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT' || wanted === 0) {
      notice(`not listening on ::1 (${code}): IPv4 only`);
      return { servers: [first], port };
    }
    first.close();
    throw explain(error, '::1', wanted);
  }
}
