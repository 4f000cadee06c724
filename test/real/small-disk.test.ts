/**
 * An agent on a real file system of 20 MB: filled to the brim and freed again, read-only, aborted under it, its folder gone. It says what is
 * wrong, takes what it can, and comes back by itself. Needs root, for the mounts.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { until } from '../../scripts/processes/wait-until.ts';
import { type AgentProcess, startAgentProcess, writeConfig } from '../support/agent/agent-process.ts';
import { ScriptedCollector } from '../support/agent/scripted-collector.ts';

const MIB = 1024 * 1024;
const DEADLINE_MS = 60_000;
const missing = process.getuid?.() === 0 ? false : 'only root can mount';

t.setTimeout(300_000);

function run(command: string, ...words: string[]): void {
  const { status, stderr } = spawnSync(command, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${stderr}`);
}

interface Disk {
  readonly mount: string;
  readonly image: string;
  /** Beside the file system, for the configuration. */
  readonly folder: string;
}

/** A mounted ext4 file system of 20 MiB. A folder of its own, since a mount must be gone before tap empties the test's. */
function disk(t: Test): Disk {
  const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-disk-'));
  const [image, mount] = [path.join(folder, 'image'), path.join(folder, 'mount')];
  mkdirSync(mount);
  writeFileSync(image, '');
  truncateSync(image, 20 * MIB);
  run('mkfs.ext4', '-q', '-F', '-m', '0', image);
  run('mount', '-o', 'loop', image, mount);
  t.teardown(() => {
    spawnSync('umount', ['-l', mount]);
    rmSync(folder, { recursive: true, force: true });
  });
  return { mount, image, folder };
}

/** Takes what is left of a file system. @returns gives it back */
function fill(mount: string): () => void {
  const ballast = path.join(mount, 'somebody-else');
  // `dd` ends with an error when nothing is left: that is the point.
  spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4096', 'conv=fsync']);
  return () => rmSync(ballast);
}

interface Shown {
  readonly buffer: {
    readonly pending?: number;
    readonly error?: string;
    readonly losses?: { readonly events: number };
  };
}

/** Of some 2 KB. */
const usual = (ref: string) => ({ type: 'sale', ref, attrs: { note: 'x'.repeat(2_000) + ref } });
/** Of more than a page each. */
const large = (ref: string) => ({
  ...{ type: 'sale', ref },
  items: Array.from({ length: 300 }, (_, line) => ({ sku: `${ref}-${line}`, qty: 1, price: 1_234 })),
});

async function shop(t: Test, config: string, saleOf: (ref: string) => object = usual) {
  let agent: AgentProcess = await startAgentProcess(t, config);
  let next = 0;
  const status = async () => (await (await fetch(`${agent.url}/v1/status`)).json()) as Shown;
  return {
    answered: new Set<string>(),
    status,
    pending: async () => (await status()).buffer.pending ?? -1,
    healthy: async () => (await fetch(`${agent.url}/healthz`)).status,
    /** Sells so many in one request. @returns the answer's status */
    async sell(count = 1): Promise<number> {
      const refs = Array.from({ length: count }, () => `R-${next++}`);
      const body = JSON.stringify(refs.map(saleOf));
      const { status } = await fetch(`${agent.url}/v1/events`, { method: 'POST', body });
      if (status === 201) for (const ref of refs) this.answered.add(ref);
      return status;
    },
    async sellUntil(wanted: number, count = 1): Promise<void> {
      const told = async () => (await this.sell(count)) === wanted;
      await until(told, { what: `${wanted}`, deadlineMs: DEADLINE_MS, everyMs: 1 });
    },
    /** Until not even one more fits. */
    async sellOut(): Promise<void> {
      for (const count of [100, 10, 1]) await this.sellUntil(507, count);
    },
    running: () => agent.child.exitCode === null && agent.child.signalCode === null,
    async restart(): Promise<void> {
      agent.child.kill('SIGKILL');
      await agent.ended;
      agent = await startAgentProcess(t, config);
    },
  };
}

async function collecting(t: Test): Promise<ScriptedCollector> {
  const collector = await ScriptedCollector.start();
  t.teardown(() => collector.stop());
  return collector;
}

const refsAt = (collector: ScriptedCollector): string[] =>
  collector.batches.flatMap(({ events }) => events.map(({ ref }) => ref!));

const configOn = ({ folder, mount }: Disk, port: number, buffer: Record<string, unknown> = {}): string =>
  writeConfig(folder, {
    collector: { urls: [`mqtt://127.0.0.1:${port}`], token: 'secret' },
    buffer: { path: path.join(mount, 'agent', 'buffer.db'), ...buffer },
    ship: { reconnectMaxMs: 1_000 },
  });

t.test(
  'filled to the brim under reject: 507, also after a restart; freed again, it goes on by itself',
  { skip: missing },
  async (t) => {
    const small = disk(t);
    const { mount } = small;
    const collector = await collecting(t);
    const { port } = collector;
    await collector.stop();
    const till = await shop(t, configOn(small, port));
    for (let sale = 0; sale < 50; sale++) t.equal(await till.sell(), 201);
    const free = fill(mount);
    await till.sellUntil(507);
    t.equal(await till.healthy(), 200);
    await till.restart();
    t.equal(await till.sell(), 507, 'a brim-full disk at the start');
    t.equal(await till.pending(), till.answered.size, 'what was answered is kept');
    free();
    await till.sellUntil(201);
    const again = await ScriptedCollector.start({ port });
    t.teardown(() => again.stop());
    await until(async () => (await till.pending()) === 0, { what: 'the buffer to drain', deadlineMs: DEADLINE_MS });
    t.strictSame(refsAt(again).sort(), [...till.answered].sort(), 'each answered sale was shipped, once');
  },
);

for (const [size, saleOf] of [
  ['usual', usual],
  ['large', large],
] as const) {
  t.test(`brim-full of ${size} sales, it still drains: acks need no room`, { skip: missing }, async (t) => {
    const small = disk(t);
    const { mount } = small;
    const collector = await collecting(t);
    const { port } = collector;
    await collector.stop();
    const till = await shop(t, configOn(small, port), saleOf);
    await till.sellOut();
    fill(mount);
    t.ok(till.answered.size > 500, `${till.answered.size} sales fit`);
    await till.restart();
    const again = await ScriptedCollector.start({ port });
    t.teardown(() => again.stop());
    await until(async () => (await till.pending()) === 0, { what: 'the buffer to drain', deadlineMs: DEADLINE_MS });
    t.strictSame(new Set(refsAt(again)), till.answered);
    t.ok(till.running());
  });
}

t.test(
  'under drop-oldest it goes on taking sales, and every one given up is in the ledger',
  { skip: missing },
  async (t) => {
    const till = await shop(t, configOn(disk(t), 1, { whenFull: 'drop-oldest' }));
    for (let sale = 0; sale < 12_000; sale += 100)
      if ((await till.sell(100)) !== 201) t.fail(`sale ${sale} was refused`);
    const { buffer } = await till.status();
    t.equal(buffer.pending! + buffer.losses!.events, till.answered.size, 'answered = pending + lost');
    t.ok(buffer.losses!.events > 0, `${buffer.losses!.events} of ${till.answered.size} were dropped`);
  },
);

t.test(
  'a file system that turns read-only under it: 503 in words, healthy, no crash; back again, it goes on',
  { skip: missing },
  async (t) => {
    const small = disk(t);
    const { mount, image } = small;
    const till = await shop(t, configOn(small, 1));
    for (let sale = 0; sale < 20; sale++) t.equal(await till.sell(), 201);
    run('mount', '-o', 'remount,abort', mount);
    await till.sellUntil(503);
    t.equal(await till.healthy(), 200);
    t.match(JSON.stringify(await till.status()), /read-only|readonly/i);
    run('umount', '-l', mount);
    // What the kernel still holds of an aborted file system goes with the last file that is open on it.
    run('mount', '-o', 'loop', image, mount);
    await till.sellUntil(201);
    t.ok(till.running());
    // An opening between the two mounts was on the empty folder below: what it took is brought over.
    const all = async () => (await till.pending()) === till.answered.size;
    await until(all, { what: 'all that was answered', deadlineMs: DEADLINE_MS }).catch(() => undefined);
    t.equal(await till.pending(), till.answered.size, JSON.stringify(await till.status()));
  },
);

t.test('started on a read-only file system it says so, and begins once it can write', { skip: missing }, async (t) => {
  const small = disk(t);
  const { mount } = small;
  run('mount', '-o', 'remount,ro', mount);
  const till = await shop(t, configOn(small, 1));
  t.equal(await till.sell(), 503);
  t.equal(await till.healthy(), 200);
  t.match(JSON.stringify(await till.status()), /read-only|readonly|EROFS/i);
  run('mount', '-o', 'remount,rw', mount);
  await till.sellUntil(201);
});

t.test(
  'its folder vanishes: it makes a new one, and accounts for what was in the old',
  { skip: missing },
  async (t) => {
    const small = disk(t);
    const { mount } = small;
    const till = await shop(t, configOn(small, 1));
    for (let sale = 0; sale < 20; sale++) t.equal(await till.sell(), 201);
    for (const name of readdirSync(path.join(mount, 'agent'))) rmSync(path.join(mount, 'agent', name));
    rmSync(path.join(mount, 'agent'), { recursive: true });
    await till.sellUntil(201);
    t.ok(till.running());
    mkdirSync(path.join(mount, 'agent'), { recursive: true });
    t.equal(await till.healthy(), 200);
  },
);
