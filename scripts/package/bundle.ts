/** Bundles the agent into one JavaScript file, to run with Node and SQLite's binary beside it. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';
import packageJson from '../../package.json' with { type: 'json' };
import { precompiledSchemas } from './precompiled-schemas.ts';
import { SLIM_ALIASES, slimDependencies } from './slim-dependencies.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const ENTRY = 'agent/main.ts';
const require = createRequire(import.meta.url);

/** File names of the bundle and of SQLite's binary beside it. */
export const BUNDLE = 'agent.cjs';
export const SQLITE = 'better_sqlite3.node';

export interface Bundle {
  readonly file: string;
  /** Size of the JavaScript in bytes. */
  readonly bytes: number;
  /** Folders of the npm packages whose code it contains. */
  readonly packages: readonly string[];
}

/** Path for an architecture in Node's notation, `x64` or `arm64`; glibc. */
export const sqliteBinary = (arch: string): string =>
  join(dirname(require.resolve('better-sqlite3/package.json')), 'prebuilds', `linux-${arch}.node`);

/**
 * CommonJS, because an `import` of `node:http` touches each of its exports and thereby loads
 * undici: 6 MiB that `require` avoids.
 *
 * @param folder for the bundle
 * @param version that the agent reports
 */
export async function bundleAgent(folder: string, version: string = packageJson.version): Promise<Bundle> {
  const file = join(folder, BUNDLE);
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [ENTRY],
    outfile: file,
    bundle: true,
    platform: 'node',
    target: `node${process.versions.node}`,
    format: 'cjs',
    // The source text stays in memory at run time; its names appear in logged stacks.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    define: { 'import.meta.main': 'true' },
    alias: { ...SLIM_ALIASES },
    metafile: true,
    logLevel: 'silent',
    plugins: [await precompiledSchemas(ENTRY), slimDependencies, sqliteBeside, ownVersion(version)],
  });
  return { file, bytes: Object.values(metafile.outputs)[0]!.bytes, packages: packagesOf(metafile) };
}

/** Bundles with the binary for this machine beside it. @returns the file for Node to run */
export async function runnableBundle(folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const { file } = await bundleAgent(folder);
  copyFileSync(sqliteBinary(process.arch), join(folder, SQLITE));
  return file;
}

/** better-sqlite3 has an entry per platform; they differ only in the binary's name. */
const sqliteBeside: Plugin = {
  name: 'sqlite-beside',
  setup(build) {
    build.onResolve({ filter: /^better-sqlite3$/ }, () => ({ path: require.resolve('better-sqlite3/linux-x64') }));
    build.onResolve({ filter: /prebuilds\/linux-x64\.node$/ }, () => ({ path: `./${SQLITE}`, external: true }));
  },
};

const ownVersion = (version: string): Plugin => ({
  name: 'own-version',
  setup(build) {
    build.onLoad({ filter: /package\.json$/ }, ({ path }) =>
      path === join(ROOT, 'package.json')
        ? { contents: JSON.stringify({ name: packageJson.name, version }), loader: 'json' }
        : undefined,
    );
  },
});

function packagesOf({ inputs }: Metafile): string[] {
  const folders = Object.keys(inputs).flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  return [...new Set(folders)].sort().map((folder) => join(ROOT, folder));
}
