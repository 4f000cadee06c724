import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';

export interface WantedPort {
  readonly port: number;
  /** What listens there, as people call it. */
  readonly purpose: string;
  /** The flag that chooses another. */
  readonly flag: string;
}

/** What to tell the user about ports that somebody else holds; empty when all are free. */
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

/** So many different ports that nobody listens on now. */
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
