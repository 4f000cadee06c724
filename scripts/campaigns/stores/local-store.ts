/** Stores of campaigns, each on this machine and of its own: they can be destroyed as a whole. */
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { StoreConfig } from '../../../collector/config/collector-config.ts';
import { HBASE_JARS } from '../../hbase/home.ts';
import { killHBase, startHBase, stopHBase } from '../../hbase/server.ts';
import { writeHBaseTool } from '../../hbase/tool.ts';

export interface LocalStore {
  readonly config: StoreConfig;
  /** HBase's own command, for snapshots; null: it has none. */
  readonly tool: string | null;
  /** Sets its own clock so many hours off; resolves when that is what it stamps with. */
  setClock(hours: number): Promise<void>;
  /** What its files take. */
  bytes(): Promise<number>;
  /** Loses everything at once; an empty store takes its place. */
  destroy(): Promise<void>;
  stop(): Promise<void>;
}

/** HBase's processes read their clock's file each second. */
const CLOCK_READ_MS = 1_500;
const SECONDS_PER_HOUR = 3_600;

export type StoreKind = 'sqlite' | 'hbase';

/** Starts it, its clock so many hours off. */
export function startStore(
  kind: StoreKind,
  folder: string,
  hours: number,
  log: (line: string) => void,
): Promise<LocalStore> {
  return kind === 'sqlite' ? Promise.resolve(sqlite(folder)) : hbase(folder, hours, log);
}

function sqlite(folder: string): LocalStore {
  return {
    config: { kind: 'sqlite', path: path.join(folder, 'store.db') },
    tool: null,
    // It stamps with the collector's clock.
    setClock: () => Promise.resolve(),
    bytes: () => sizeOf(folder),
    destroy: () => rm(folder, { recursive: true }),
    stop: () => Promise.resolve(),
  };
}

/** A region's HBase: SIGKILL, and its files are gone; a new one listens on the same ports. */
async function hbase(folder: string, hours: number, log: (line: string) => void): Promise<LocalStore> {
  const clock = path.join(folder, 'clock');
  const setClock = async (hours: number): Promise<void> => {
    await writeFile(`${clock}.new`, `${hours < 0 ? '' : '+'}${Math.round(hours * SECONDS_PER_HOUR)}`);
    await rename(`${clock}.new`, clock);
    await delay(CLOCK_READ_MS);
  };
  await mkdir(folder, { recursive: true });
  await setClock(hours);
  const start = () => startHBase({ dir: folder, jars: HBASE_JARS, log, clock });
  const { host, port } = await start();
  return {
    config: { kind: 'hbase', host, port, connections: 4, namespace: 'tillstream' },
    setClock,
    tool: await writeHBaseTool(folder, HBASE_JARS, log),
    bytes: () => sizeOf(path.join(folder, 'data')),
    async destroy() {
      await killHBase(folder, 'gateway');
      await killHBase(folder, 'master');
      for (const name of ['data', 'zookeeper', 'tmp']) await rm(path.join(folder, name), { recursive: true });
      await start();
    },
    async stop() {
      await stopHBase(folder);
    },
  };
}

async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    // Files come and go while a store runs.
    files.map(({ parentPath, name }) =>
      stat(path.join(parentPath, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
