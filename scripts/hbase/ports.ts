/** Loopback ports of an HBase instance. */
import { createServer } from 'node:net';

export const HOST = '127.0.0.1';

export interface Ports {
  readonly zookeeper: number;
  readonly master: number;
  readonly regionServer: number;
  readonly thrift: number;
}

/**
 * Below the range for outgoing connections (Linux: 32768 and up): a port that is reused after a
 * restart must not be taken by one in the meantime.
 */
const LOWEST = 20_000;
const HIGHEST = 32_000;

/** Four different ports that are free. */
export async function freePorts(): Promise<Ports> {
  const found = new Set<number>();
  while (found.size < 4) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (await isFree(port)) found.add(port);
  }
  const [zookeeper, master, regionServer, thrift] = [...found];
  return { zookeeper: zookeeper!, master: master!, regionServer: regionServer!, thrift: thrift! };
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}
