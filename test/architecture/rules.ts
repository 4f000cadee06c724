/** The import rules of the project: which part may know which. */
import type { Module, Source } from './modules.ts';

const STAGES = [
  ...['agent/ingest', 'agent/buffer', 'agent/ship', 'agent/inspect'],
  ...['collector/broker', 'collector/ingest', 'collector/rollup', 'collector/api'],
];
const ADAPTERS = ['collector/store/sqlite', 'collector/store/hbase'];
const PRODUCTION = ['agent', 'collector', 'shared'];
const SHARED_PACKAGES = ['msgpackr', 'typebox', 'node:zlib', 'node:buffer'];
const VAGUE_NAMES = ['utils', 'util', 'lib', 'common', 'types', 'helpers', 'index'];

/** The files of the agent that may hold SQL on the table `events`. */
export const EVENT_SQL_FILES = ['event-table', 'event-queries', 'event-repair'].map(
  (name) => `agent/buffer/tables/${name}.ts`,
);
const EVENT_SQL = /\b(?:FROM|INTO|UPDATE|JOIN)\s+events\b/;

/** Files that hold SQL on the table `events`. */
export const withEventSql = (sources: readonly Source[]): string[] =>
  sources.filter(({ text }) => EVENT_SQL.test(text)).map(({ path }) => path);

/** One sentence for each file outside `EVENT_SQL_FILES` that holds such SQL. */
export const eventSqlBreaches = (sources: readonly Source[]): string[] =>
  withEventSql(sources)
    .filter((path) => !EVENT_SQL_FILES.includes(path))
    .map((path) => `${path} holds SQL on events: it belongs into agent/buffer/tables/event-*.ts`);

/** One sentence for each breach, sorted; empty when all rules hold. `dependencies`: what production code may import. */
export function breaches(modules: readonly Module[], dependencies: readonly string[]): string[] {
  const known = new Set(modules.map(({ path }) => path));
  const found = modules.flatMap((module) => [
    ...vagueName(module.path),
    ...module.modules.flatMap((to) =>
      known.has(to) ? importBreach(module.path, to) : [`${module.path} imports ${to}, which is not there`],
    ),
    ...module.packages.flatMap((name) => packageBreach(module.path, name, dependencies)),
  ]);
  return [...found, ...cycles(modules)].sort();
}

function importBreach(from: string, to: string): string[] {
  const says = (rule: string) => [`${from} imports ${to}: ${rule}`];
  const [side] = from.split('/');
  if (PRODUCTION.includes(side!) && (isIn(to, 'test') || isIn(to, 'scripts')))
    return says('production code knows no tests and no scripts');
  if (side === 'shared') return isIn(to, 'shared') ? [] : says('shared/ imports nothing but shared/');
  if (side === 'agent' && isIn(to, 'collector')) return says('the agent does not know the collector');
  if (side === 'collector' && isIn(to, 'agent')) return says('the collector does not know the agent');

  const adapter = ADAPTERS.find((folder) => isIn(to, folder));
  if (adapter !== undefined && PRODUCTION.includes(side!) && !isIn(from, adapter) && !isMain(from)) {
    return says('only main.ts knows an adapter of the store');
  }
  const home = STAGES.find((stage) => isIn(from, stage));
  const mayKnow = (path: string) => isIn(path, home!) || isIn(path, 'shared') || isJoint(side!, path);
  if (home !== undefined && !mayKnow(to))
    return says('a stage knows its own folder, shared/, its side’s port and pure logic');
  if (isIn(from, 'collector/aggregation') && !isIn(to, 'collector/aggregation') && !isIn(to, 'shared')) {
    return says('collector/aggregation is pure');
  }
  return [];
}

/** Where the stages of a side meet. */
function isJoint(side: string, path: string): boolean {
  if (side === 'agent') return isIn(path, 'agent/port');
  return isIn(path, 'collector/aggregation') || /^collector\/store\/[^/]+\.ts$/.test(path);
}

function packageBreach(from: string, name: string, dependencies: readonly string[]): string[] {
  if (isIn(from, 'shared')) {
    const pure = SHARED_PACKAGES.includes(name) || (name === 'yaml' && isIn(from, 'shared/config'));
    return pure ? [] : [`${from} imports ${name}: shared/ is pure`];
  }
  const declared = name.startsWith('node:') || dependencies.includes(name);
  if (PRODUCTION.some((folder) => isIn(from, folder)) && !declared)
    return [`${from} imports ${name}: not a dependency`];
  return [];
}

function vagueName(path: string): string[] {
  const name = path
    .split('/')
    .at(-1)!
    .replace(/(\.test|\.d)?\.(ts|mjs)$/, '');
  if (VAGUE_NAMES.includes(name)) return [`${path}: the name says nothing`];
  return /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) ? [] : [`${path}: the name is not in kebab case`];
}

/** Every cycle once, told from its first module on. */
function cycles(modules: readonly Module[]): string[] {
  const imports = new Map(modules.map((module) => [module.path, module.modules]));
  const done = new Set<string>();
  const found: string[] = [];
  const follow = (path: string, way: readonly string[]) => {
    const before = way.indexOf(path);
    if (before >= 0) {
      found.push(`import cycle: ${[...way.slice(before), path].join(' → ')}`);
      return;
    }
    if (done.has(path)) return;
    for (const next of imports.get(path) ?? []) follow(next, [...way, path]);
    done.add(path);
  };
  for (const { path } of modules) follow(path, []);
  return found;
}

function isIn(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`);
}

function isMain(path: string): boolean {
  return path === 'agent/main.ts' || path === 'collector/main.ts';
}
