// Starts a main module of the package. Plain JavaScript that Node 20 parses: it runs before Node 26
// is installed.
import { dirname, join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { findNode } from './bundled-node.mjs';
import { runChild } from './run-child.mjs';

/**
 * Runs one of the package's main modules with the Node that the packages contain.
 *
 * @param {string} main path relative to the package's folder
 */
export function runMain(main) {
  const here = dirname(fileURLToPath(import.meta.url));
  const root = join(here, '..', '..');
  const found = findNode(root);
  if ('error' in found) {
    console.error(found.error);
    process.exit(1);
  }
  // Node refuses TypeScript below a folder named node_modules, where an installed package is.
  const installed = root.split(sep).includes('node_modules');
  const hook = installed
    ? ['--disable-warning=ExperimentalWarning', `--import=${pathToFileURL(join(here, 'strip-types.mjs'))}`]
    : [];
  runChild(found.node, [...hook, join(root, main), ...process.argv.slice(2)]);
}
