/**
 * Halves the start time of a test run's many processes. TypeBox is some 700 small files, which cost
 * each process more than all the rest of the product: they are bundled once, unchanged. Node's
 * compile cache keeps compiled code, and modules without their types, for the next process.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { ROOT } from '../processes/child.ts';

const FOLDER = path.join(ROOT, '.tap');
const PRELOAD = new URL('./bundled-typebox.mjs', import.meta.url);
const { version } = JSON.parse(readFileSync(path.join(ROOT, 'node_modules/typebox/package.json'), 'utf8'));

/** Additional environment of a test file; the processes that it starts inherit it. */
export async function fastStart(): Promise<Record<string, string>> {
  const bundles = path.join(FOLDER, `typebox-${version}`);
  if (!existsSync(bundles)) await bundleTypeBox(bundles);
  const preload = `${PRELOAD}?folder=${encodeURIComponent(bundles)}`;
  return {
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${preload}`.trim(),
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? path.join(FOLDER, 'compile-cache'),
  };
}

/** Bundles TypeBox. Its entries share one instance, as they do in the package. */
async function bundleTypeBox(folder: string): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  const made = mkdtempSync(path.join(FOLDER, 'typebox-'));
  await build({
    absWorkingDir: ROOT,
    entryPoints: { index: 'typebox', compile: 'typebox/compile', system: 'typebox/system' },
    outdir: made,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    logLevel: 'error',
  });
  try {
    renameSync(made, folder);
  } catch (error) {
    // Another run made the bundle first.
    if (!existsSync(folder)) throw error;
    rmSync(made, { recursive: true });
  }
}
