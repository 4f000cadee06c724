/** Finds free loopback ports, and reports ports that are in use. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';

export interface WantedPort {
  readonly port: number;
  /** Display name of the listener. */
  readonly purpose: string;
  /** The option that selects another port. */
  readonly flag: string;
}

/** Messages about ports that are in use; empty when all are free. */
export async function portsInUse(wanted: readonly WantedPort[]): Promise<string[]> {
  const complaints: string[] = [];
  for (const { port, purpose, flag } of wanted) {
    if (!(await isFree(port)))
      complaints.push(`port ${port} on ${LOOPBACK} (${purpose}) is in use: choose another with ${flag} PORT`);
  }
  return complaints;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ port, host: LOOPBACK, exclusive: true });
    await once(server, 'listening');
    return true;
  } catch (error) {
    if (['EADDRINUSE', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  } finally {
    server.close();
  }
}

/** Returns `count` different free ports. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  try {
    return await Promise.all(
      servers.map(async (server) => {
        server.listen(0, LOOPBACK);
        await once(server, 'listening');
        return (server.address() as AddressInfo).port;
      }),
    );
  } finally {
    for (const server of servers) server.close();
  }
}
