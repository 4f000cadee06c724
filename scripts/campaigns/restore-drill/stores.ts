/** The stores of the drill, each on this machine, which can be destroyed as a whole. */
import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { StoreConfig } from '../../../collector/config/collector-config.ts';
import { HBASE_JARS } from '../../hbase/home.ts';
import { killHBase, startHBase, stopHBase } from '../../hbase/server.ts';
import { writeHBaseTool } from '../../hbase/tool.ts';

export interface DrillStore {
  readonly config: StoreConfig;
  /** HBase's own command, for snapshots; null: it has none. */
  readonly tool: string | null;
  /** What its files take. */
  bytes(): Promise<number>;
  /** Loses everything at once; an empty store takes its place. */
  destroy(): Promise<void>;
  stop(): Promise<void>;
}

export type StoreKind = 'sqlite' | 'hbase';

export function startStore(kind: StoreKind, folder: string, log: (line: string) => void): Promise<DrillStore> {
  return kind === 'sqlite' ? Promise.resolve(sqlite(folder)) : hbase(folder, log);
}

function sqlite(folder: string): DrillStore {
  return {
    config: { kind: 'sqlite', path: path.join(folder, 'store.db') },
    tool: null,
    bytes: () => sizeOf(folder),
    destroy: () => rm(folder, { recursive: true }),
    stop: () => Promise.resolve(),
  };
}

/** A region's HBase: SIGKILL, and its files are gone; a new one listens on the same ports. */
async function hbase(folder: string, log: (line: string) => void): Promise<DrillStore> {
  const start = () => startHBase({ dir: folder, jars: HBASE_JARS, log });
  const { host, port } = await start();
  return {
    config: { kind: 'hbase', host, port, connections: 4, namespace: 'tillstream' },
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
