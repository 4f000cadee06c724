/** `npm run package`: builds the agent's Debian packages. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import packageJson from '../../package.json' with { type: 'json' };
import { buildDeb } from './build-deb.ts';
import { bundleAgent } from './bundle.ts';
import type { Architecture } from './node-runtime.ts';
import { DEBIAN_NAMES, layOutAgent } from './package-tree.ts';

const HELP = `Usage: npm run package -- [options]

Builds dist/tillstream-agent_VERSION_ARCH.deb: the bundled agent, its Node runtime, SQLite and a systemd unit.
Needs dpkg-deb. The runtime of another architecture is downloaded with npm.

Options:
  --arch LIST     amd64, arm64 or both (default: amd64,arm64)
  --version V     version of the package and of the agent in it (default: ${packageJson.version})
  --out DIR       output folder (default: dist)
  --level N       compression level of xz, 0 (fast) to 9 (small); default: 6
  --json          one JSON document on standard output, everything else on standard error: {"packages":[{"arch","file","bytes"}]}

SOURCE_DATE_EPOCH dates the contents (default: the time of the last commit), so that the same source gives the same
bytes.

Examples:
  npm run package
  npm run package -- --arch arm64 --out /srv/packages
`;

const ROOT = resolve(import.meta.dirname, '../..');
const DEBIAN_VERSION = /^[0-9][A-Za-z0-9.+~-]*$/;

/** @throws Error that says what is wrong */
function options() {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string', default: 'amd64,arm64' },
      version: { type: 'string', default: packageJson.version },
      out: { type: 'string', default: 'dist' },
      level: { type: 'string', default: '6' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const architectures = values.arch.split(',').map((name) => {
    const found = (Object.keys(DEBIAN_NAMES) as Architecture[]).find((arch) => DEBIAN_NAMES[arch] === name);
    if (found === undefined) throw new Error(`--arch has no "${name}"; there are ${Object.values(DEBIAN_NAMES)}`);
    return found;
  });
  if (!DEBIAN_VERSION.test(values.version)) throw new Error(`--version "${values.version}" is no version of Debian's`);
  if (!/^[0-9]$/.test(values.level)) throw new Error('--level must be a digit');
  return { ...values, architectures, level: Number(values.level) };
}

/** Seconds since 1970 (reproducible-builds.org/specs/source-date-epoch). */
function sourceDate(given: string | undefined): number {
  if (given !== undefined) return Number(given);
  try {
    return Number(
      execFileSync('git', ['log', '-1', '--format=%ct'], {
        cwd: ROOT,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
  } catch {
    return 0;
  }
}

async function main(): Promise<number> {
  let chosen: ReturnType<typeof options>;
  try {
    chosen = options();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nTry --help.\n`);
    return 2;
  }
  const { architectures, version, out, level, json, help } = chosen;
  if (help) {
    process.stdout.write(HELP);
    return 0;
  }
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const epoch = sourceDate(process.env.SOURCE_DATE_EPOCH);
  mkdirSync(out, { recursive: true });
  const packages = [];
  const work = mkdtempSync(join(os.tmpdir(), 'tillstream-package-'));
  try {
    const bundle = await bundleAgent(work, version);
    for (const architecture of architectures) {
      const arch = DEBIAN_NAMES[architecture];
      const file = join(out, `tillstream-agent_${version}_${arch}.deb`);
      const root = join(work, arch);
      layOutAgent({ root, architecture, bundle, version, epoch, log });
      buildDeb({ root, file, epoch, level });
      const bytes = statSync(file).size;
      packages.push({ arch, file: resolve(file), bytes });
      if (!json) process.stdout.write(`${relative('', file)}  ${(bytes / 2 ** 20).toFixed(1)} MiB\n`);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  if (json) process.stdout.write(`${JSON.stringify({ packages })}\n`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`package: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
