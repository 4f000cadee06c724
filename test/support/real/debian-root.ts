/**
 * A Debian of its own in a folder, made by debootstrap from where this machine gets its packages, and kept as an archive for the next run.
 * One for arm64 holds the libraries only, and what runs in it is emulated. Needs root.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Test } from 'tap';

const CACHE = path.resolve(import.meta.dirname, '../../../node_modules/.cache/tillstream');
/** What the agent's package needs beyond the smallest Debian. systemd is there, but nobody has started it. */
const INCLUDED = { amd64: 'libatomic1,systemd', arm64: 'libatomic1' } as const;
const NEEDED = ['debootstrap', 'dpkg-deb', 'unshare', 'nsenter', 'chroot', 'tar'];
const EMULATOR = 'qemu-aarch64-static';

export type Architecture = 'amd64' | 'arm64';

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const isHere = (command: string): boolean => spawnSync('which', [command]).status === 0;

/** Why no such Debian can be had here; false when it can. */
export function missing(architecture: Architecture = 'amd64'): string | false {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'needs Linux on amd64';
  if (process.getuid?.() !== 0) return 'only root can make a Debian of its own';
  const absent = NEEDED.filter((command) => !isHere(command));
  if (absent.length > 0) return `${absent.join(', ')} missing (on Debian: apt-get install debootstrap)`;
  if (architecture === 'arm64' && !isHere(EMULATOR))
    return `${EMULATOR} missing (on Debian: apt-get install qemu-user-static)`;
  return source() === null ? 'this is no Debian: /etc/apt names no source of packages for debootstrap' : false;
}

/** @throws Error with what the command said */
export function run(command: string, ...words: string[]): Finished {
  const finished = spawnSync(command, words, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (finished.status !== 0)
    throw new Error(`${command} ${words.join(' ')}: ${finished.error ?? finished.stderr + finished.stdout}`);
  return finished;
}

/** The release that runs here, and where /etc/apt says that it comes from: sources.list(5), both formats. */
function source(): { readonly suite: string; readonly mirror: string } | null {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const suite = /^VERSION_CODENAME=(\w+)/m.exec(release)?.[1];
  if (suite === undefined) return null;
  const files = globSync(['/etc/apt/sources.list', '/etc/apt/sources.list.d/*.{list,sources}']);
  for (const text of files.map((file) => readFileSync(file, 'utf8'))) {
    const line = new RegExp(`^deb +(?:\\[[^\\]]*\\] +)?(\\S+) +${suite} +.*\\bmain\\b`, 'm').exec(text);
    if (line !== null) return { suite, mirror: line[1]! };
    for (const stanza of text.split(/\n\s*\n/)) {
      const field = (name: string): string[] =>
        new RegExp(`^${name}:(.*)$`, 'im').exec(stanza)?.[1]?.trim().split(/\s+/) ?? [];
      const [mirror] = field('URIs');
      if (mirror !== undefined && field('Suites').includes(suite) && field('Components').includes('main'))
        return { suite, mirror };
    }
  }
  return null;
}

/** A Debian that runs. */
function native(folder: string): void {
  const { suite, mirror } = source()!;
  run('debootstrap', '--variant=minbase', `--include=${INCLUDED.amd64}`, suite, folder, mirror);
}

/** The first stage of one: its files, of which nothing is set up. */
function foreign(folder: string): void {
  const { suite, mirror } = source()!;
  const words = ['--foreign', '--arch=arm64', '--variant=minbase', `--include=${INCLUDED.arm64}`];
  run('debootstrap', ...words, suite, folder, mirror);
  const [included] = globSync(path.join(folder, `var/cache/apt/archives/${INCLUDED.arm64}_*.deb`));
  run('dpkg-deb', '--extract', included!, folder);
}

/** @returns the archive, made by the first who needs it */
function archive(architecture: Architecture): string {
  const file = path.join(CACHE, `debian-${source()!.suite}-${architecture}-${INCLUDED[architecture]}.tar`);
  if (existsSync(file)) return file;
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tillstream-debootstrap-'));
  const partial = `${file}.partial-${process.pid}`;
  try {
    if (architecture === 'amd64') native(folder);
    else foreign(folder);
    rmSync(path.join(folder, 'var/cache/apt/archives'), { recursive: true, force: true });
    run('tar', '-C', folder, '-cf', partial, '.');
    renameSync(partial, file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(partial, { force: true });
  }
  return file;
}

export class DebianRoot {
  readonly folder: string;
  readonly #emulator: readonly string[];

  /** A fresh one, gone at the end of the test. */
  constructor(t: Test, architecture: Architecture = 'amd64') {
    this.folder = mkdtempSync(path.join(os.tmpdir(), 'tillstream-root-'));
    t.teardown(() => rmSync(this.folder, { recursive: true, force: true }));
    run('tar', '-C', this.folder, '-xf', archive(architecture));
    // Others than root live in there.
    chmodSync(this.folder, 0o755);
    this.#emulator = architecture === 'arm64' ? [`/${EMULATOR}`] : [];
    if (architecture === 'arm64') copyFileSync(run('which', EMULATOR).stdout.trim(), this.path(EMULATOR));
  }

  /** @param inside as seen from within */
  path(inside: string): string {
    return path.join(this.folder, inside);
  }

  read(inside: string): string {
    return readFileSync(this.path(inside), 'utf8');
  }

  /** The words to run a program in it. It starts no others where it is emulated. Nothing of tap's is loaded into one that is a Node. */
  command(...words: string[]): [string, ...string[]] {
    return [
      'env',
      '--unset=NODE_OPTIONS',
      '--unset=NODE_COMPILE_CACHE',
      'chroot',
      this.folder,
      ...this.#emulator,
      ...words,
    ];
  }

  run(...words: string[]): Finished {
    const [command, ...rest] = this.command(...words);
    return spawnSync(command, rest, { encoding: 'utf8', env: ENVIRONMENT });
  }

  /** As `ls -ld` tells them: mode, owner and group. */
  owned(inside: string): string {
    return this.run('stat', '-c', '%A %U %G', inside).stdout.trim();
  }
}

export const ENVIRONMENT = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  DEBIAN_FRONTEND: 'noninteractive',
};
