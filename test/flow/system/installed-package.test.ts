import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const NO_NETWORK = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT/;

/** The path as a till has it: without the commands of this project's packages, so that `node` is the machine's own. */
const stockPath = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .join(delimiter);
const env = { ...process.env, PATH: stockPath, NODE_OPTIONS: '' };

// Outside of the project: below it, Node would find a package that the tarball forgot in the project's own node_modules.
const folder = mkdtempSync(join(tmpdir(), 'tillstream-package-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

function npm(cwd: string, ...args: string[]) {
  const options = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline'];
  return spawnSync('npm', [...args, ...options], { cwd, env, encoding: 'utf8' });
}

function command(name: string, ...args: string[]) {
  return spawnSync(join(folder, 'node_modules', '.bin', name), args, { cwd: folder, env, encoding: 'utf8' });
}

const packed = npm(ROOT, 'pack', '--pack-destination', folder, '--json');
const [{ filename, files }] = JSON.parse(packed.stdout) as [{ filename: string; files: { path: string }[] }];

t.test('the package holds the product, and neither tests nor data', async (t) => {
  const paths = files.map(({ path }) => path);
  for (const path of [
    'agent/main.ts',
    'collector/main.ts',
    'shared/keys.ts',
    'config/agent.yaml',
    'docs/till-api.md',
    'config/collector.yaml',
  ]) {
    t.ok(paths.includes(path), path);
  }
  t.same(
    paths.filter(
      (path) => !/^(agent|collector|shared|config|docs|scripts\/bin)\/|^[A-Z]+\.md$|^package\.json$/.test(path),
    ),
    [],
  );
});

writeFileSync(join(folder, 'package.json'), '{"private":true}');
const installed = npm(folder, 'install', join(folder, filename));
const offline = installed.status !== 0 && NO_NETWORK.test(installed.stderr);

t.test(
  'installed from its tarball, its commands run on the machine’s own Node',
  { skip: offline && 'no network' },
  async (t) => {
    t.equal(installed.status, 0, installed.stderr);
    t.ok(existsSync(join(folder, 'node_modules', 'tillstream')));
    for (const name of ['tillstream-agent', 'tillstream-collector']) {
      const { status, stdout, stderr } = command(name, '--help');
      t.equal(status, 0, `${name}: ${stderr}`);
      t.match(stdout, '--config');
      t.equal(stderr, '');
    }
  },
);

t.test('a wrong call of an installed command exits with 2', { skip: offline && 'no network' }, async (t) => {
  for (const name of ['tillstream-agent', 'tillstream-collector']) {
    t.equal(command(name, 'no-such-command').status, 2, name);
  }
});
