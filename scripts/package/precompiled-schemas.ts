/**
 * Compiles the agent's schemas when it is bundled. TypeBox with its compiler takes a quarter of an
 * idle agent's memory, and compiling a tenth of a second of a slow till's start. The schemas stay
 * in their modules: each of these is run here once with TypeBox, for the checks, and once with
 * `scripts/package/typebox-shim/type.ts`, which must give the same schemas. The bundle contains the
 * shim and the checks.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { TSchema } from 'typebox';
import { Build } from 'typebox/schema';

const ROOT = resolve(import.meta.dirname, '../..');
const CACHE = join(ROOT, 'node_modules/.cache/tillstream');
const LIGHT = {
  typebox: join(import.meta.dirname, 'typebox-shim/type.ts'),
  'typebox/compile': join(import.meta.dirname, 'typebox-shim/compile.ts'),
  'typebox/system': join(import.meta.dirname, 'typebox-shim/system.ts'),
};
/** Replaces TypeBox's compiler, and records its input. */
const RECORDER = `export const schemas = [];
export const Compile = (schema) => { schemas.push(schema); return {}; };`;

type Recorded = readonly TSchema[];

/** @param entry a module; its schemas and those of its imports are compiled */
export async function precompiledSchemas(entry: string): Promise<Plugin> {
  const modules = await schemaModules(entry);
  const recorded = await recordedSchemas(modules, 'typebox');
  const light = await recordedSchemas(modules, LIGHT.typebox);
  recorded.forEach((schema, at) => {
    if (JSON.stringify(schema) !== JSON.stringify(light[at]))
      throw new Error(
        `scripts/package/typebox-shim/type.ts makes another schema than TypeBox: ${JSON.stringify(schema)}`,
      );
  });
  const checks = checksModule(recorded);
  return {
    name: 'precompiled-schemas',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^typebox(\/compile|\/system)?$/ }, ({ path, importer, kind }) =>
        // TypeBox itself, and the shim when it has an error to explain, get the real modules.
        kind === 'require-call' || importer.includes('node_modules')
          ? undefined
          : { path: LIGHT[path as keyof typeof LIGHT] },
      );
      onResolve({ filter: /^tillstream:checks$/ }, ({ path }) => ({ path, namespace: 'checks' }));
      onLoad({ filter: /.*/, namespace: 'checks' }, () => ({ contents: checks, loader: 'js', resolveDir: ROOT }));
    },
  };
}

/**
 * Our modules that create or compile schemas.
 *
 * @throws Error when there are none, because this plugin is then obsolete
 */
async function schemaModules(entry: string): Promise<string[]> {
  const { metafile } = await build({ ...bundling, entryPoints: [entry] });
  const modules = Object.entries(metafile.inputs)
    .filter(([, { imports }]) => imports.some(({ path }) => path === 'typebox' || path === 'typebox/compile'))
    .map(([path]) => path);
  if (modules.length === 0) throw new Error(`no module that ${entry} imports has a schema`);
  return modules.sort();
}

const bundling = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
  write: false,
  metafile: true,
  logLevel: 'silent',
} as const;

/**
 * Schemas that the modules pass to the compiler on import, in order.
 *
 * @param builder the module in place of TypeBox
 */
async function recordedSchemas(modules: readonly string[], builder: string): Promise<Recorded> {
  const contents = [...modules.map((path) => `import './${path}';`), "export { schemas } from 'typebox/compile';"];
  const recorder: Plugin = {
    name: 'recorder',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^typebox$/ }, () => ({ path: builder, external: builder === 'typebox' }));
      onResolve({ filter: /^typebox\/compile$/ }, ({ path }) => ({ path, namespace: 'recorder' }));
      onLoad({ filter: /.*/, namespace: 'recorder' }, () => ({ contents: RECORDER, loader: 'js' }));
    },
  };
  const stdin = { contents: contents.join('\n'), resolveDir: ROOT };
  const { outputFiles } = await build({ ...bundling, stdin, plugins: [recorder] });
  // Below node_modules, so that the packages are found.
  mkdirSync(CACHE, { recursive: true });
  const file = join(CACHE, `schemas-${process.pid}-${basename(builder)}.mjs`);
  writeFileSync(file, outputFiles[0]!.contents);
  try {
    const { schemas } = (await import(`${pathToFileURL(file).href}?${performance.now()}`)) as { schemas: Recorded };
    return schemas;
  } finally {
    rmSync(file);
  }
}

/** Composes the code as TypeBox's own compiler does, but into a file. */
function checksModule(schemas: Recorded): string {
  const checks = schemas.map((schema) => {
    const compiled = Build(schema);
    if (compiled.UseUnevaluated()) throw new Error('a schema needs a context, which is not in the bundle');
    const { identifier, variables } = compiled.External();
    const external = variables.map((value: unknown) => {
      if (value instanceof RegExp) return String(value);
      throw new Error(`a schema needs a value that cannot be written down: ${String(value)}`);
    });
    const functions = compiled.Functions().join(';\n');
    if (/\bHashing\b/.test(functions)) throw new Error('a schema needs hashing, which is not in the bundle');
    const check = `(() => { const ${identifier} = [${external}]; ${functions}; return (value) => ${compiled.Entry()}; })()`;
    return `[${JSON.stringify(JSON.stringify(schema))}, ${check}]`;
  });
  return `import { Guard } from 'typebox/guard';
export const checks = new Map([${checks.join(',\n')}]);`;
}
