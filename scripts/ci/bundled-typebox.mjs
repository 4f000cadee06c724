// Preload of every process of a test run (`--import …?folder=FOLDER`): resolves TypeBox to the
// bundle that fast-start.ts made of it. An older Node, which some tests run, has no such hooks and
// uses the package.
import module from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = new URL(import.meta.url).searchParams.get('folder');
const files = { typebox: 'index.mjs', 'typebox/compile': 'compile.mjs', 'typebox/system': 'system.mjs' };
const bundled = new Map(Object.entries(files).map(([name, file]) => [name, pathToFileURL(join(folder, file)).href]));

module.registerHooks?.({
  resolve(name, context, next) {
    const url = bundled.get(name);
    return url === undefined ? next(name, context) : { url, format: 'module', shortCircuit: true };
  },
});
