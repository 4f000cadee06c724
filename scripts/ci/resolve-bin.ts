/** Finds the commands of installed packages. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/**
 * The JavaScript file of a package's command, to run with this Node: without a shell, and without
 * another Node on the path.
 */
export function commandOf(name: string, command = name): [string] {
  const file = require.resolve(`${name}/package.json`);
  const { bin } = JSON.parse(readFileSync(file, 'utf8')) as { bin: Record<string, string> };
  const path = bin[command];
  if (path === undefined) throw new Error(`${name} has no command ${command}`);
  return [join(dirname(file), path)];
}
