/**
 * A Debian of its own in a folder, made by debootstrap from where this machine gets its packages, and kept as an archive for the next run.
 * Needs root.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Test } from 'tap';

const CACHE = path.resolve(import.meta.dirname, '../../node_modules/.cache/tillstream');
/** What the agent's package needs beyond the smallest Debian. systemd is there, but nobody has started it. */
const INCLUDED = 'libatomic1,systemd';
const NEEDED = ['debootstrap', 'dpkg-deb', 'unshare', 'nsenter', 'chroot', 'tar'];

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Why no such Debian can be had here; false when it can. */
export function missing(): string | false {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'needs Linux on amd64';
  if (process.getuid?.() !== 0) return 'only root can make a Debian of its own';
  const absent = NEEDED.filter((command) => spawnSync('which', [command]).status !== 0);
  if (absent.length > 0) return `${absent.join(', ')} missing (on Debian: apt-get install debootstrap)`;
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

/** @returns the archive, made by the first who needs it */
function archive(): string {
  const { suite, mirror } = source()!;
  const file = path.join(CACHE, `debian-${suite}-${INCLUDED}.tar`);
  if (existsSync(file)) return file;
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tillstream-debootstrap-'));
  const partial = `${file}.partial-${process.pid}`;
  try {
    run('debootstrap', '--variant=minbase', `--include=${INCLUDED}`, suite, folder, mirror);
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

  /** A fresh one, gone at the end of the test. */
  constructor(t: Test) {
    this.folder = mkdtempSync(path.join(os.tmpdir(), 'tillstream-root-'));
    t.teardown(() => rmSync(this.folder, { recursive: true, force: true }));
    run('tar', '-C', this.folder, '-xf', archive());
    // Others than root live in there.
    chmodSync(this.folder, 0o755);
  }

  /** @param inside as seen from within */
  path(inside: string): string {
    return path.join(this.folder, inside);
  }

  read(inside: string): string {
    return readFileSync(this.path(inside), 'utf8');
  }

  run(...words: string[]): Finished {
    return spawnSync('chroot', [this.folder, ...words], { encoding: 'utf8', env: ENVIRONMENT });
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
