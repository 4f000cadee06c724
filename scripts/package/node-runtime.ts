/**
 * Provides the Node binary of an architecture, from the npm package in package.json; fetched by npm
 * if it is not installed.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };

const ROOT = resolve(import.meta.dirname, '../..');
const CACHE = join(ROOT, 'node_modules/.cache/tillstream');

/** Node's names. */
export type Architecture = 'x64' | 'arm64';

/** Folder of the package: `bin/node`, `LICENSE`. @param log called before a download */
export function nodeRuntime(arch: Architecture, log: (line: string) => void): string {
  const name = `node-linux-${arch}` as const;
  const version = packageJson.optionalDependencies[name];
  const installed = join(ROOT, 'node_modules', name);
  if (existsSync(join(installed, 'bin/node'))) return installed;
  const fetched = join(CACHE, `${name}-${version}`);
  if (!existsSync(fetched)) {
    log(`fetching ${name} ${version} …`);
    fetchPackage(name, version, fetched);
  }
  return fetched;
}

/** The folder appears only once it is complete. */
function fetchPackage(name: string, version: string, folder: string): void {
  const partial = `${folder}.partial-${process.pid}`;
  mkdirSync(partial, { recursive: true });
  try {
    run('npm', ['pack', `${name}@${version}`, '--silent', '--pack-destination', partial]);
    const tarball = join(partial, `${name}-${version}.tgz`);
    checkIntegrity(name, tarball);
    run('tar', ['-xzf', tarball, '-C', partial]);
    renameSync(join(partial, 'package'), folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** Like `npm ci`: verifies the download against package-lock.json. */
function checkIntegrity(name: string, tarball: string): void {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { integrity?: string } | undefined>;
  };
  const expected = lock.packages[`node_modules/${name}`]?.integrity;
  const actual = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
  if (expected !== actual) throw new Error(`${name} is not what package-lock.json names: ${actual}, not ${expected}`);
}

function run(command: string, args: readonly string[]): void {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8', cwd: ROOT });
  if (status !== 0) throw new Error(`${command} ${args[0]} failed: ${error?.message ?? stderr.trim()}`);
}
