/**
 * The collector's entry, and the only place that knows the store's adapters. What it imports is
 * loaded after SIGHUP is handled.
 */
import { readFileSync } from 'node:fs';
import type { Limit } from '../shared/limits.ts';
import type { OpenTables, StartOptions } from './app/context.ts';
import type { Collector } from './app/start.ts';
import type { CollectorConfig } from './config/collector-config.ts';
import { STORE_LIMITS } from './store/limits.ts';

/** Loads only the configured adapter. @param lockWait how long a write waits for SQLite's lock */
const opener =
  (lockWait: Limit): OpenTables =>
  async (store) => {
    if (store.kind === 'hbase') return (await import('./store/hbase/hbase-tables.ts')).openHBaseTables(store);
    const { openSqliteTables } = await import('./store/sqlite/sqlite-tables.ts');
    return openSqliteTables({ ...store, lockWaitMs: lockWait.value });
  };

/** For commands. */
export const openTables = opener(STORE_LIMITS.commandLockWait);

/**
 * Starts a collector within this process, for scripts and tests. Resolves when it listens; `ready`
 * resolves when the store is available.
 */
export async function startCollector(config: CollectorConfig, options: Partial<StartOptions> = {}): Promise<Collector> {
  const [{ startCollector: start }, { ROLES }, { openFileLimit }, { readTls }, { default: pino }] = await Promise.all([
    import('./app/start.ts'),
    import('./app/context.ts'),
    import('./app/file-handles.ts'),
    import('./config/tls-files.ts'),
    import('pino'),
  ]);
  return start({
    config,
    roles: new Set(ROLES),
    tls: config.mqtt.tls === null ? null : readTls(config.mqtt.tls),
    openTables: opener(STORE_LIMITS.lockWait),
    fileHandles: openFileLimit(),
    log: pino({ level: 'silent' }),
    version: version(),
    now: Date.now,
    clock: () => performance.now(),
    random: Math.random,
    ...options,
  });
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

if (import.meta.main) {
  const args = process.argv.slice(2);
  // It ends a process by default. What it asks for, a collector that starts does anyway.
  if (args.includes('run')) process.on('SIGHUP', () => undefined);
  const { main } = await import('./cli/entry/program.ts');
  process.exitCode = await main(args, { openTables, start: startCollector });
}
