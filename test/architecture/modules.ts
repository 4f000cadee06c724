/** Reads the source files of a tree: what each imports, and how large it is. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join, posix } from 'node:path';
import { type Node, parse } from 'acorn';

/** A source file, with paths below the root and forward slashes. */
export interface Module {
  readonly path: string;
  /** Modules of this project; one that is not there is named all the same. */
  readonly modules: readonly string[];
  /** Packages and Node's own modules, by name: `undici`, `node:fs`. */
  readonly packages: readonly string[];
  readonly lines: number;
  readonly functions: readonly FunctionSize[];
  /** Whether it begins with a comment, after a shebang if it has one. */
  readonly hasHead: boolean;
  /** Numbers of the comment lines that are wider than 100 columns. */
  readonly wideComments: readonly number[];
}

export interface FunctionSize {
  /** The name that it is declared by or assigned to. */
  readonly name: string;
  /** From its first line to its last. */
  readonly lines: number;
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
      lines: text.trimEnd().split('\n').length,
      functions: functionsOf(text),
      ...commentsOf(text),
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
  visit(parsed(javascript), (node) => {
    if ('source' in node && isText(node.source)) names.add(node.source.value);
  });
  return [...names];
}

/** Each function and method, those within others too. */
export function functionsOf(source: string): FunctionSize[] {
  const found: FunctionSize[] = [];
  const sizeOf = ({ loc }: Node) => loc!.end.line - loc!.start.line + 1;
  visit(parsed(stripTypeScriptTypes(source)), (node, name) => {
    if (/^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type))
      found.push({ name, lines: sizeOf(node) });
  });
  return found;
}

const COMMENT_COLUMNS = 100;
const HEAD = /^(?:#!.*\r?\n)?\/[/*]/;
/** A line that holds nothing but a comment, or a part of one. */
const COMMENT_LINE = /^\s*(?:\/[/*]|\*(?:\s|\/|$))/;

/**
 * Head and wide lines of the comments. They are read from the text: stripping the types removes the
 * comments among them.
 */
export function commentsOf(source: string): Pick<Module, 'hasHead' | 'wideComments'> {
  const wideComments = source
    .split(/\r?\n/)
    .flatMap((line, at) => (line.length > COMMENT_COLUMNS && COMMENT_LINE.test(line) ? [at + 1] : []));
  return { hasHead: HEAD.test(source), wideComments };
}

const parsed = (javascript: string): Node =>
  parse(javascript, { ecmaVersion: 'latest', sourceType: 'module', allowHashBang: true, locations: true });

function nameIn(match: RegExpExecArray): string {
  return (match[1] ?? match[2])!;
}

/**
 * Walks a syntax tree (ESTree). `source` is where it keeps the name of ImportDeclaration, Export…Declaration and
 * ImportExpression; `id` or `key` is where it keeps the name of what is declared.
 */
function visit(node: Node, see: (node: Node, name: string) => void, outer = 'module'): void {
  const name = declaredName(node) ?? outer;
  see(node, name);
  for (const child of Object.values(node).flat()) {
    if (child !== null && typeof child === 'object' && 'type' in child) visit(child as Node, see, name);
  }
}

function declaredName(node: Node): string | null {
  const named = ('id' in node && node.id) || ('key' in node && node.key);
  return named && typeof named === 'object' && 'name' in named ? String(named.name) : null;
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
