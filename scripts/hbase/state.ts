/** What must outlive the command that started HBase: its ports (kept over a restart) and its processes. One JSON file in its folder. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { HOST } from './site.ts';

export interface Ports {
  readonly zookeeper: number;
  readonly master: number;
  readonly regionServer: number;
  readonly thrift: number;
}

export interface State {
  readonly ports: Ports;
  readonly version: string;
  /** Process ids; null while not started by us. */
  readonly master: number | null;
  readonly gateway: number | null;
}

export async function readState(dir: string): Promise<State | null> {
  try {
    return JSON.parse(await readFile(join(dir, 'state.json'), 'utf8')) as State;
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new Error(`${join(dir, 'state.json')} can't be read; remove it and start again`, { cause: fault });
  }
}

export async function writeState(dir: string, state: State): Promise<void> {
  await mkdir(dir, { recursive: true });
  const file = join(dir, 'state.json');
  await writeFile(`${file}.${process.pid}`, `${JSON.stringify(state, null, 2)}\n`);
  await rename(`${file}.${process.pid}`, file);
}

/** Four ports that are free now, all held at once so that they differ. */
export async function freePorts(): Promise<Ports> {
  const held = await Promise.all([0, 0, 0, 0].map(listen));
  const ports = held.map((server) => (server.address() as { port: number }).port);
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  return { zookeeper: ports[0]!, master: ports[1]!, regionServer: ports[2]!, thrift: ports[3]! };
}

export async function isFree(port: number): Promise<boolean> {
  try {
    const server = await listen(port);
    await new Promise((resolve) => server.close(resolve));
    return true;
  } catch {
    return false;
  }
}

function listen(port: number): Promise<ReturnType<typeof createServer>> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, HOST, () => resolve(server));
  });
}
