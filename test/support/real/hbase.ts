/**
 * A real HBase for a test file. Without Java or Maven the file is left out with one line that says so; where that must not go
 * unseen (CI=true, or TILLSTREAM_REAL=required) it fails.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Test } from 'tap';
import { HBASE_HOME, HBASE_JARS } from '../../../scripts/hbase/home.ts';
import { isAlive, type Role } from '../../../scripts/hbase/processes.ts';
import { findHBase, killHBase, type RunningHBase, startHBase } from '../../../scripts/hbase/server.ts';
import { ToolMissing } from '../../../scripts/hbase/tools.ts';

const TESTS_HOME = join(HBASE_HOME, '..', 'hbase-of-tests');

/** Starting may include the download. */
const START_MS = 600_000;

/** The HBase of `npm run hbase` if it runs, else one of our own that ends with the test. Null: left out. */
export async function sharedHBase(t: Test): Promise<RunningHBase | null> {
  return (await findHBase(HBASE_HOME)) ?? ownHBase(t).then((own) => own?.running ?? null);
}

export interface OwnHBase {
  readonly running: RunningHBase;
  /** SIGKILL, as a crash. */
  kill(role: Role): Promise<void>;
  /** Brings back, on the same ports and data, whichever does not run; resolves when a call is answered. */
  restart(): Promise<RunningHBase>;
}

/** An HBase of this test's own, to be killed at will; ends with the test. Null: left out. */
export async function ownHBase(t: Test): Promise<OwnHBase | null> {
  t.setTimeout(START_MS);
  await sweep();
  const dir = join(TESTS_HOME, String(process.pid));
  const start = () => startHBase({ dir, jars: HBASE_JARS, log: (line) => t.comment(line) });
  t.teardown(() => discard(dir));
  try {
    return { running: await start(), kill: (role) => killHBase(dir, role), restart: start };
  } catch (fault) {
    const required = process.env.CI === 'true' || process.env.TILLSTREAM_REAL === 'required';
    if (required || !(fault instanceof ToolMissing)) throw fault;
    console.error(`${basename(process.argv[1] ?? '')} is left out, for it needs a real HBase. ${fault.message}`);
    t.plan(0, fault.message);
    return null;
  }
}

/** Ends what test processes left behind that were killed themselves. */
async function sweep(): Promise<void> {
  await mkdir(TESTS_HOME, { recursive: true });
  for (const name of await readdir(TESTS_HOME)) if (!isAlive(Number(name))) await discard(join(TESTS_HOME, name));
}

/** Nothing in it is needed any more, so there is nothing to stop gracefully for. */
async function discard(dir: string): Promise<void> {
  for (const role of ['gateway', 'master'] as const) await killHBase(dir, role).catch(() => {});
  await rm(dir, { recursive: true, force: true });
}
