/**
 * A real HBase with its Thrift2 gateway for tests and demonstrations: starts, stops and finds them,
 * and kills either one like a crash. Everything is in one folder; a restart there keeps data and
 * ports.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Gateway } from '../../collector/store/hbase/thrift/gateway.ts';
import { listNamespaces } from '../../collector/store/hbase/thrift/idl.ts';
import { type Jars, provideJars } from './jars.ts';
import { exclusively } from './lock.ts';
import { freePorts, HOST, isFree } from './ports.ts';
import { endRole, isOurs, logFile, outFile, type Role, spawnRole } from './processes.ts';
import { writeSite } from './site.ts';
import { readState, type State, writeState } from './state.ts';
import { requireJava } from './tools.ts';

export interface HBaseOptions {
  /** Data, configuration, logs. */
  readonly dir: string;
  /** Downloaded jars; may be shared by several folders. */
  readonly jars: string;
  /** Progress, one line each. */
  readonly log: (line: string) => void;
  /** libfaketime's timestamp file, such as `-23h`; default: the machine's clock. */
  readonly clock?: string;
  /** Time limit for the start, milliseconds; default: two minutes. */
  readonly readyMs?: number;
}

export interface RunningHBase {
  readonly host: string;
  readonly port: number;
  /** Process id of the Thrift2 gateway. */
  readonly pid: number;
  /** Process id of HBase itself. */
  readonly masterPid: number;
  readonly dir: string;
  readonly version: string;
}

const READY_MS = 120_000;
const STOP_GRACE_MS = 30_000;

/** Starts what is not running, and resolves when a call through the gateway was answered. */
export async function startHBase({
  dir: folder,
  jars: cache,
  log,
  clock,
  readyMs = READY_MS,
}: HBaseOptions): Promise<RunningHBase> {
  const dir = resolve(folder);
  await requireJava();
  const jars = await provideJars(resolve(cache), log);
  return exclusively(dir, log, async () => {
    const state = await startMissing(dir, jars, log, clock ?? null);
    log('waiting until a call is answered …');
    await untilReady(dir, state, performance.now() + readyMs);
    return running(dir, state);
  });
}

async function startMissing(
  dir: string,
  jars: Jars,
  log: (line: string) => void,
  clock: string | null,
): Promise<State> {
  const fresh = async () => ({ ports: await freePorts(), version: jars.version, master: null, gateway: null });
  let state: State = (await readState(dir)) ?? (await fresh());
  const conf = join(dir, 'conf');
  await writeSite(conf, dir, state.ports);
  for (const role of ['master', 'gateway'] as const) {
    if (await isOurs(state[role], role, dir)) continue;
    await requireFreePorts(role, state, dir);
    log(`starting ${NAMES[role]} (log: ${logFile(dir, role)}) …`);
    state = { ...state, version: jars.version, [role]: await spawnRole(role, dir, { conf, jars: jars.folder, clock }) };
    await writeState(dir, state);
  }
  return state;
}

/** Stops both, the gateway first. @returns false if neither was running */
export async function stopHBase(folder: string): Promise<boolean> {
  const dir = resolve(folder);
  const state = await readState(dir);
  if (state === null) return false;
  const gateway = await endRole(state.gateway, 'gateway', dir, STOP_GRACE_MS);
  const master = await endRole(state.master, 'master', dir, STOP_GRACE_MS);
  await writeState(dir, { ...state, master: null, gateway: null });
  return gateway || master;
}

/** Kills one of the two with SIGKILL, like a crash; `startHBase` restarts it on its ports. */
export async function killHBase(folder: string, role: Role): Promise<void> {
  const dir = resolve(folder);
  const state = await readState(dir);
  if (state === null || !(await endRole(state[role], role, dir, 0)))
    throw new Error(`no ${NAMES[role]} runs in ${dir}`);
  await writeState(dir, { ...state, [role]: null });
}

/** The instance that runs in this folder; null unless both processes run. */
export async function findHBase(folder: string): Promise<RunningHBase | null> {
  const dir = resolve(folder);
  const state = await readState(dir);
  if (state === null) return null;
  const both = (await isOurs(state.master, 'master', dir)) && (await isOurs(state.gateway, 'gateway', dir));
  return both ? running(dir, state) : null;
}

const NAMES: Readonly<Record<Role, string>> = { master: 'HBase', gateway: 'its Thrift2 gateway' };

function running(dir: string, { ports, master, gateway, version }: State): RunningHBase {
  return { host: HOST, port: ports.thrift, pid: gateway!, masterPid: master!, dir, version };
}

async function requireFreePorts(role: Role, { ports }: State, dir: string): Promise<void> {
  const needed = role === 'master' ? [ports.zookeeper, ports.master, ports.regionServer] : [ports.thrift];
  for (const port of needed) {
    if (await isFree(port)) continue;
    throw new Error(
      `port ${port} is taken by another program; end that, or remove ${join(dir, 'state.json')} for new ports`,
    );
  }
}

/**
 * Waits for an answer about the tables: an open port does not prove that master, region server and
 * gateway are up.
 */
async function untilReady(dir: string, state: State, deadline: number): Promise<void> {
  const deadlines = { connectMs: 1_000, waitMs: 1_000, callMs: 10_000, schemaMs: 10_000 };
  const limits = {
    connections: 1,
    maxWaiting: 1,
    maxReplyBytes: 1024 * 1024,
    random: Math.random,
    now: () => performance.now(),
  };
  const gateway = new Gateway({ host: HOST, port: state.ports.thrift, deadlines, ...limits });
  try {
    for (;;) {
      const answer = await gateway.call(listNamespaces, {}, 'namespaces').catch((fault: Error) => fault);
      if (!(answer instanceof Error)) return;
      for (const role of ['master', 'gateway'] as const) {
        if (!(await isOurs(state[role], role, dir)))
          throw await failure(dir, role, `${NAMES[role]} ended while starting`, answer);
      }
      if (performance.now() > deadline) throw await failure(dir, 'master', 'HBase did not come up in time', answer);
      await delay(200);
    }
  } finally {
    await gateway.close();
  }
}

const TAIL_LINES = 15;

async function failure(dir: string, role: Role, what: string, cause: Error): Promise<Error> {
  const texts = await Promise.all(
    [outFile(dir, role), logFile(dir, role)].map((file) => readFile(file, 'utf8').catch(() => '')),
  );
  const tail = texts.flatMap((text) => text.trimEnd().split('\n').slice(-TAIL_LINES)).join('\n');
  return new Error(`${what}: ${cause.message}\n--- end of ${logFile(dir, role)} ---\n${tail}`, { cause });
}
