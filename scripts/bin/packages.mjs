// Checks and installs npm packages. Plain JavaScript that Node 20 parses: it runs before Node 26 is
// installed.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Explains why node_modules does not match package-lock.json; undefined if it does. npm records
 * what it installed in a hidden lock file of the same format, without packages for other platforms.
 *
 * @param {string} root @returns {string | undefined}
 */
export function staleReason(root) {
  const wanted = packagesIn(join(root, 'package-lock.json'));
  const installed = packagesIn(join(root, 'node_modules', '.package-lock.json'));
  if (wanted === undefined) return undefined;
  if (installed === undefined) return 'node_modules is missing';
  for (const [path, { version, integrity, optional, devOptional }] of Object.entries(wanted)) {
    if (path === '') continue;
    const found = installed[path];
    const fits =
      found === undefined ? optional || devOptional : found.version === version && found.integrity === integrity;
    if (!fits) return `${path} is not at ${version}`;
  }
  const extra = Object.keys(installed).find((path) => !(path in wanted));
  return extra === undefined ? undefined : `${extra} is not in package-lock.json`;
}

/**
 * Runs `npm ci`. Its output goes to standard error, which leaves a command's standard output alone.
 *
 * @param {string} root @returns {boolean} whether it succeeded
 */
export function install(root) {
  // npm's environment names the Node it runs on, which is not the one in node_modules that `npm ci`
  // replaces.
  const { npm_execpath: npm, npm_node_execpath: node } = process.env;
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const options = { cwd: root, stdio: ['ignore', 2, 2] };
  const windows = process.platform === 'win32';
  const { status } =
    npm?.endsWith('.js') && node
      ? spawnSync(node, [npm, ...args], { ...options, env: { ...process.env, PATH: pathOf(dirname(node)) } })
      : spawnSync('npm', args, { ...options, shell: windows });
  return status === 0;
}

function packagesIn(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw new Error(`${file} cannot be read: ${error.message}`, { cause: error });
  }
}

function pathOf(first) {
  return [first, process.env.PATH].join(process.platform === 'win32' ? ';' : ':');
}
