import { existsSync, globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join, posix } from 'node:path';
import { type Node, parse } from 'acorn';

/** A source file and what it imports, all as paths below the root with forward slashes. */
export interface Module {
  readonly path: string;
  /** Modules of this project; one that is not there is named all the same. */
  readonly modules: readonly string[];
  /** Packages and Node's own modules, by name: `undici`, `node:fs`. */
  readonly packages: readonly string[];
}

/** What a type import looks like in the source; it counts only where stripping the types left nothing. */
const TYPE_IMPORT = /\b(?:import|export)\s+type\b[^;'"]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

/** A source file's text, by its path below the root with forward slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** Reads every TypeScript and .mjs file below the folders. */
export function readSources(root: string, folders: readonly string[]): Source[] {
  const files = folders.flatMap((folder) => globSync(`${folder}/**/*.{ts,mjs}`, { cwd: root }));
  return files
    .sort()
    .map((file) => ({ path: file.replaceAll('\\', '/'), text: readFileSync(join(root, file), 'utf8') }));
}

/** Reads every TypeScript and .mjs module below the folders. */
export function readModules(root: string, folders: readonly string[]): Module[] {
  return readSources(root, folders).map(({ path, text }) => {
    const imports = importsOf(text);
    return {
      path,
      modules: imports
        .filter(isRelative)
        .map((name) => resolve(root, path, name))
        .filter((to) => !isData(root, to)),
      packages: imports.filter((name) => !isRelative(name)).map(packageOf),
    };
  });
}

/** All names a module imports from: static, dynamic (where the name is a literal) and type imports. */
export function importsOf(source: string): string[] {
  const javascript = stripTypeScriptTypes(source);
  // Stripping puts blanks in the place of types, byte by byte, so that positions stay.
  const bytes = Buffer.from(source).toString('latin1');
  const stripped = Buffer.from(javascript).toString('latin1');
  const ofTypes = [...bytes.matchAll(TYPE_IMPORT)].filter(
    ({ 0: text, index }) => stripped.slice(index, index + text.length).trim() === '',
  );
  const names = new Set(ofTypes.map(nameIn));
  visit(parse(javascript, { ecmaVersion: 'latest', sourceType: 'module', allowHashBang: true }), (node) => {
    if ('source' in node && isText(node.source)) names.add(node.source.value);
  });
  return [...names];
}

function nameIn(match: RegExpExecArray): string {
  return (match[1] ?? match[2])!;
}

/** `source` is where a syntax tree (ESTree) keeps the name: of ImportDeclaration, Export…Declaration and ImportExpression. */
function visit(node: Node, see: (node: Node) => void): void {
  see(node);
  for (const child of Object.values(node).flat()) {
    if (child !== null && typeof child === 'object' && 'type' in child) visit(child as Node, see);
  }
}

function isText(node: unknown): node is { value: string } {
  return node !== null && typeof node === 'object' && 'value' in node && typeof node.value === 'string';
}

function isRelative(name: string): boolean {
  return name.startsWith('.');
}

/** Such as package.json: no module with imports of its own. */
function isData(root: string, path: string): boolean {
  return !/\.(ts|mjs)$/.test(path) && existsSync(join(root, path));
}

function packageOf(name: string): string {
  return name.split('/', name.startsWith('@') ? 2 : 1).join('/');
}

/** `x.d.ts` describes `x.js`, which has no source here. */
function resolve(root: string, from: string, name: string): string {
  const path = posix.join(posix.dirname(from), name);
  const described = path.replace(/\.js$/, '.d.ts');
  return !existsSync(join(root, path)) && existsSync(join(root, described)) ? described : path;
}
