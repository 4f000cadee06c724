/**
 * HBase's processes: started detached and identified by process id, guarding against reused ids.
 */
import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { fakeTimeLibrary } from './tools.ts';

export type Role = 'master' | 'gateway';

const MAIN: Readonly<Record<Role, { readonly command: readonly string[]; readonly heap: string }>> = {
  master: { command: ['org.apache.hadoop.hbase.master.HMaster', 'start'], heap: '-Xmx1g' },
  gateway: { command: ['org.apache.hadoop.hbase.thrift2.ThriftServer'], heap: '-Xmx512m' },
};

const open = (names: string) => names.split(' ').flatMap((name) => ['--add-opens', `java.base/${name}=ALL-UNNAMED`]);
const expose = (names: string) => names.split(' ').flatMap((name) => ['--add-exports', `${name}=ALL-UNNAMED`]);

/** The flags of HBase's own start script for Java 11 and later (`bin/hbase`, HBASE_OPTS). */
export const JAVA_FLAGS: readonly string[] = [
  '-Dorg.apache.hbase.thirdparty.io.netty.tryReflectionSetAccessible=true',
  '--add-modules=jdk.unsupported',
  ...open('java.io java.nio sun.nio.ch java.lang jdk.internal.ref java.lang.reflect java.util java.util.concurrent'),
  ...expose(
    'java.base/jdk.internal.misc java.base/sun.net.dns java.base/sun.net.util java.security.jgss/sun.security.krb5',
  ),
];

export function logFile(dir: string, role: Role): string {
  return join(dir, 'logs', `${role}.log`);
}

/** Output of the JVM itself: the reason when it does not start at all. */
export function outFile(dir: string, role: Role): string {
  return join(dir, 'logs', `${role}.out`);
}

/**
 * Java measures its waits by the monotonic clock, which stays as it is. Debian's build moves it in
 * timed waits unless told not to: each then ends at once, and the processes spin.
 *
 * @see https://github.com/wolfcw/libfaketime, README: "CLOCK_MONOTONIC test"
 */
const movedClock = (file: string): NodeJS.ProcessEnv => ({
  LD_PRELOAD: fakeTimeLibrary(),
  FAKETIME_TIMESTAMP_FILE: file,
  FAKETIME_CACHE_DURATION: '1',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  FAKETIME_FORCE_MONOTONIC_FIX: '0',
});

/** What a process of HBase is started with. */
export interface Launch {
  readonly conf: string;
  readonly jars: string;
  /** libfaketime's timestamp file; null: the machine's clock. */
  readonly clock: string | null;
}

/** Starts a process that outlives this one. @returns its process id */
export async function spawnRole(role: Role, dir: string, { conf, jars, clock }: Launch): Promise<number> {
  await mkdir(join(dir, 'logs'), { recursive: true });
  const { command, heap } = MAIN[role];
  const flags = [...JAVA_FLAGS, heap, `-Dtillstream.log=${logFile(dir, role)}`, marker(dir)];
  const out = openSync(outFile(dir, role), 'w');
  try {
    const args = [...flags, '-cp', `${conf}:${join(jars, '*')}`, ...command];
    const env = { ...process.env, ...(clock === null ? {} : movedClock(clock)) };
    const child = spawn('java', args, { cwd: dir, detached: true, stdio: ['ignore', out, out], env });
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    child.unref();
    return child.pid!;
  } finally {
    closeSync(out);
  }
}

/** True while any process has this id. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (fault) {
    return (fault as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** True if this id is our process of this role and folder, not a zombie or another program. */
export async function isOurs(pid: number | null, role: Role, dir: string): Promise<boolean> {
  if (pid === null) return false;
  const args = await commandLine(pid);
  return args.includes(marker(dir)) && args.includes(MAIN[role].command[0]!);
}

/**
 * SIGTERM, then SIGKILL after `graceMs` (0: at once). Resolves when it has ended; ignores processes
 * that are not ours.
 */
export async function endRole(pid: number | null, role: Role, dir: string, graceMs: number): Promise<boolean> {
  if (pid === null || !(await isOurs(pid, role, dir))) return false;
  process.kill(pid, graceMs > 0 ? 'SIGTERM' : 'SIGKILL');
  let killAt = performance.now() + graceMs;
  while (!(await hasEnded(pid))) {
    if (performance.now() >= killAt) {
      killAt = Number.POSITIVE_INFINITY;
      process.kill(pid, 'SIGKILL');
    }
    await delay(50);
  }
  return true;
}

/**
 * True once only the entry of a process is left. A killed JVM loses its command line first, while
 * its last threads still hold its ports; and where nobody reaps orphans, a zombie stays (proc(5):
 * state, num_threads).
 */
async function hasEnded(pid: number): Promise<boolean> {
  if (process.platform !== 'linux') return !isAlive(pid);
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return true;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' && Number(fields[17]) <= 1;
}

function marker(dir: string): string {
  return `-Dtillstream.hbase=${dir}`;
}

/**
 * A process's arguments; without /proc, its whole command line from `ps`. Empty if there is no
 * process.
 */
async function commandLine(pid: number): Promise<string | readonly string[]> {
  if (process.platform === 'linux') {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
  }
  const ps = promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)]);
  return (await ps.catch(() => ({ stdout: '' }))).stdout;
}
