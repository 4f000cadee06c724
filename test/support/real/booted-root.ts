/** A Debian of its own whose systemd runs as the first process of its own processes, mounts and control groups. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';
import { until } from '../../../scripts/processes/wait-until.ts';
import { DebianRoot, ENVIRONMENT, type Finished } from './debian-root.ts';

const CGROUP = '/sys/fs/cgroup';
const BOOT_MS = 60_000;
const isUnified = (): boolean => existsSync(path.join(CGROUP, 'cgroup.controllers'));
/** Of the older, split hierarchy: systemd's own, and what the unit limits. */
const SPLIT = ['systemd', 'memory', 'pids'];

/** The shell moves itself before it makes the name space, so that systemd sees its own groups only. */
function script(group: string, folder: string): string {
  const joined = isUnified() ? [path.join(CGROUP, group)] : SPLIT.map((name) => path.join(CGROUP, name, group));
  const mounts = isUnified()
    ? 'mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup"'
    : `mount -t tmpfs tmpfs "$R/sys/fs/cgroup"
mkdir ${SPLIT.map((name) => `"$R/sys/fs/cgroup/${name}"`).join(' ')}
mount -t cgroup -o none,name=systemd cgroup "$R/sys/fs/cgroup/systemd"
mount -t cgroup -o memory cgroup "$R/sys/fs/cgroup/memory"
mount -t cgroup -o pids cgroup "$R/sys/fs/cgroup/pids"`;
  return `set -e
${joined.map((each) => `echo $$ > ${each}/cgroup.procs`).join('\n')}
export R=${folder}
exec unshare --mount --pid --uts --ipc --cgroup --fork --kill-child sh -ec '
mount --make-rprivate /
mount --bind "$R" "$R"
mount -t proc proc "$R/proc"
mount -t sysfs -o ro sysfs "$R/sys"
${mounts}
mount -t tmpfs tmpfs "$R/run"
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$R" /lib/systemd/systemd --system --unit=basic.target --show-status=0 --log-level=warning
'`;
}

export class BootedRoot extends DebianRoot {
  readonly #child: ChildProcess;
  readonly #group = `tillstream-test-${process.pid}`;

  private constructor(t: Test) {
    super(t);
    const groups = (isUnified() ? [''] : SPLIT).map((name) => path.join(CGROUP, name, this.#group));
    for (const group of groups) mkdirSync(group, { recursive: true });
    this.#child = spawn('sh', ['-c', script(this.#group, this.folder)], { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    t.teardown(async () => {
      this.#child.kill('SIGKILL');
      await ended;
      for (const group of groups)
        await until(async () => removed(group), { what: `${group} to be empty`, deadlineMs: BOOT_MS });
    });
  }

  static async start(t: Test): Promise<BootedRoot> {
    const root = new BootedRoot(t);
    await until(async () => /running|degraded/.test(root.run('systemctl', 'is-system-running').stdout), {
      what: 'systemd to have booted',
      deadlineMs: BOOT_MS,
    });
    return root;
  }

  override run(...words: string[]): Finished {
    const pid = this.#first();
    if (pid === null) return { status: null, stdout: '', stderr: 'systemd does not run' };
    const inside = ['-t', pid, '-m', '-u', '-i', '-p', '-C', '-r', '-w'];
    return spawnSync('nsenter', [...inside, ...words], { encoding: 'utf8', env: ENVIRONMENT });
  }

  /** The first process in there, as seen from here: the child of `unshare`. */
  #first(): string | null {
    const { pid } = this.#child;
    const children = pid === undefined ? '' : read(`/proc/${pid}/task/${pid}/children`);
    const [first] = children.trim().split(' ');
    return first !== undefined && read(`/proc/${first}/comm`).trim() === 'systemd' ? first : null;
  }

  /** A property of the agent's unit. */
  property(name: string): string {
    return this.run('systemctl', 'show', '--property', name, '--value', 'tillstream-agent').stdout.trim();
  }

  /** Changes the unit, as `systemctl edit` does. */
  amend(lines: string): void {
    const folder = this.path('etc/systemd/system/tillstream-agent.service.d');
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'test.conf'), lines);
    this.run('systemctl', 'daemon-reload');
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** A group, with those in it, once nothing runs there. */
function removed(group: string): boolean {
  const { status } = spawnSync('find', [group, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+'], {
    stdio: 'ignore',
  });
  return status === 0 || !existsSync(group);
}
