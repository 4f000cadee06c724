/** The rules of the layout: which part may import which, how parts are named, and how large they get. */
import { posix } from 'node:path';
import type { Module, Source } from './modules.ts';

const STAGES = [
  ...['agent/ingest', 'agent/buffer', 'agent/ship', 'agent/inspect'],
  ...['collector/broker', 'collector/ingest', 'collector/rollup', 'collector/api'],
  'collector/backup',
];
const ADAPTERS = ['collector/store/sqlite', 'collector/store/hbase'];
const PRODUCTION = ['agent', 'collector', 'shared'];
const SHARED_PACKAGES = ['msgpackr', 'typebox', 'node:zlib', 'node:buffer'];
const VAGUE_NAMES = ['utils', 'util', 'lib', 'common', 'types', 'helpers', 'index'];

/** The one file of the agent that may hold SQL on the table `events`. */
export const EVENT_SQL_FILE = 'agent/buffer/tables/event-statements.ts';
const EVENT_SQL = /\b(?:FROM|INTO|UPDATE|JOIN)\s+events\b/;

/** Files that hold SQL on the table `events`. */
export const withEventSql = (sources: readonly Source[]): string[] =>
  sources.filter(({ text }) => EVENT_SQL.test(text)).map(({ path }) => path);

/**
 * The folders of a side from top to bottom, one list for each folder that has folders. A module imports from
 * its own level or a lower one. A module belongs to the longest path of a list that it lies in.
 */
const LEVELS: readonly (readonly string[])[] = [
  ['agent', ...below('agent', 'cli monitoring runtime config inspect ingest ship buffer clock port')],
  [
    'agent/buffer',
    ...below('agent/buffer', 'support recovery timestamps capacity sqlite-format high-water integrity transaction'),
    ...below('agent/buffer', 'tables disk'),
  ],
  ['agent/ingest', ...below('agent/ingest', 'http body')],
  ['agent/ship', ...below('agent/ship', 'batching status connection line')],
  ['agent/inspect/page', 'agent/inspect', ...below('agent/inspect', 'facts terminal')],
  ['collector', ...below('collector', 'cli app api backup broker ingest rollup store aggregation config')],
  [
    'collector/aggregation/views',
    'collector/aggregation',
    ...below('collector/aggregation', 'message-pack sketches hashes logic'),
  ],
  ['collector/aggregation/message-pack', 'collector/aggregation/message-pack/dictionaries'],
  ['collector/api', ...below('collector/api', 'restatements answer figures losses admission query')],
  ['collector/rollup', ...below('collector/rollup', 'audit')],
  ['collector/ingest', ...below('collector/ingest', 'status admission')],
  ['collector/broker', ...below('collector/broker', 'access transport budget')],
  ['collector/backup/snapshots', 'collector/backup'],
  ['collector/cli/entry', 'collector/cli/logic', 'collector/cli/audit', 'collector/cli'],
  ['collector/rollup/passes', 'collector/rollup'],
  ['collector/rollup/reprocess', 'collector/rollup'],
  ['collector/rollup/verify', 'collector/rollup', 'collector/rollup/audit'],
  [
    'collector/store/hbase',
    'collector/store/sqlite',
    'collector/store/reprocess',
    'collector/store/audit',
    'collector/store/history',
    'collector/store/sealing',
    'collector/store/rollups',
    'collector/store',
  ],
  ['collector/store/hbase', 'collector/store/hbase/thrift'],
  [...below('shared', 'config wire event'), 'shared'],
  ['shared/event/card-data', 'shared/event'],
  ['shared/wire', 'shared/wire/dictionaries'],
];

/** Written by `npm run train-dictionary`. */
const GENERATED = /^shared\/wire\/dictionaries\/dictionary-\d+\.ts$/;

/** Runs wherever JavaScript runs: nothing that it reaches imports a package or a part of Node. */
const PURE_ENTRY = 'collector/aggregation/fold.ts';

const MAX_FILES_IN_FOLDER = 15;
const MAX_LINES_OF_MODULE = 300;
const MAX_LINES_OF_FUNCTION = 60;
/** Functions that may be longer, each with its reason: `path: name`. */
const LONG_FUNCTIONS: Readonly<Record<string, string>> = {};

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
  const imports = new Map(modules.map((module) => [module.path, module.modules.filter((to) => known.has(to))]));
  return [
    ...found,
    ...cycles('import cycle', imports),
    ...folderCycles(imports),
    ...levels(imports),
    ...packagesReached(modules, imports),
    ...sizes(modules),
    ...comments(modules),
  ].sort();
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
  return (
    isIn(path, 'collector/aggregation') ||
    /^collector\/store\/((reprocess|audit|history|sealing|rollups)\/)?[^/]+\.ts$/.test(path)
  );
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

/** Every cycle once, told from its first node on. */
function cycles(kind: string, imports: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const found: string[] = [];
  const follow = (path: string, way: readonly string[]) => {
    const before = way.indexOf(path);
    if (before >= 0) {
      found.push(`${kind}: ${[...way.slice(before), path].join(' → ')}`);
      return;
    }
    if (done.has(path)) return;
    for (const next of imports.get(path) ?? []) follow(next, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) follow(path, []);
  return found;
}

/** Folders import each other in one direction only. Files of one folder count as one node, its folders as others. */
function folderCycles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const folders = new Map<string, string[]>();
  for (const [from, targets] of imports) {
    const folder = posix.dirname(from);
    const others = targets.map((to) => posix.dirname(to)).filter((to) => to !== folder);
    folders.set(folder, [...new Set([...(folders.get(folder) ?? []), ...others])]);
  }
  return cycles('folder cycle', folders);
}

/** What the fold's bundle would import, with the way to it. */
function packagesReached(modules: readonly Module[], imports: ReadonlyMap<string, readonly string[]>): string[] {
  const packages = new Map(modules.map((module) => [module.path, module.packages]));
  const reached = new Map<string, string>(imports.has(PURE_ENTRY) ? [[PURE_ENTRY, PURE_ENTRY]] : []);
  for (const [path, way] of reached)
    for (const to of imports.get(path) ?? []) if (!reached.has(to)) reached.set(to, `${way} → ${to}`);
  return [...reached].flatMap(([path, way]) =>
    (packages.get(path) ?? []).map((name) => `${way} imports ${name}: the fold imports no package and nothing of Node`),
  );
}

/** Imports that run up a list of `LEVELS`, and folders that stand in none. */
function levels(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const up = [...imports].flatMap(([from, targets]) =>
    targets.flatMap((to) =>
      LEVELS.flatMap((list) => {
        const [upper, lower] = [levelOf(list, to), levelOf(list, from)];
        if (upper < 0 || lower < 0 || upper >= lower) return [];
        return [`${from} imports ${to}: ${list[lower]} lies below ${list[upper]}`];
      }),
    ),
  );
  const folders = new Set([...imports.keys()].map((path) => posix.dirname(path)));
  const listed = new Set(LEVELS.flat());
  const unlisted = [...folders].filter(
    (folder) => PRODUCTION.some((side) => isIn(folder, side)) && !listed.has(folder),
  );
  return [...up, ...unlisted.map((folder) => `${folder}: the folder has no level in test/architecture/rules.ts`)];
}

/** Index of the longest entry that the module lies in; -1 when it lies in none. */
function levelOf(list: readonly string[], path: string): number {
  let best = -1;
  list.forEach((folder, index) => {
    if (isIn(path, folder) && (best < 0 || folder.length > list[best]!.length)) best = index;
  });
  return best;
}

function sizes(modules: readonly Module[]): string[] {
  const files = new Map<string, number>();
  for (const { path } of modules) files.set(posix.dirname(path), (files.get(posix.dirname(path)) ?? 0) + 1);
  const full = [...files].filter(([, count]) => count > MAX_FILES_IN_FOLDER);
  const production = modules.filter(({ path }) => isSource(path));
  const long = production.filter(({ lines }) => lines > MAX_LINES_OF_MODULE);
  const functions = production.flatMap(({ path, functions }) =>
    functions
      .filter(({ name, lines }) => lines > MAX_LINES_OF_FUNCTION && LONG_FUNCTIONS[`${path}: ${name}`] === undefined)
      .map(({ name, lines }) => `${path}: ${name} has ${lines} lines, more than ${MAX_LINES_OF_FUNCTION}`),
  );
  return [
    ...full.map(([folder, count]) => `${folder}: ${count} files, more than ${MAX_FILES_IN_FOLDER}`),
    ...long.map(({ path, lines }) => `${path}: ${lines} lines, more than ${MAX_LINES_OF_MODULE}`),
    ...functions,
  ];
}

/** Each source file begins with a head, and comments fit their width. */
function comments(modules: readonly Module[]): string[] {
  return modules
    .filter(({ path }) => isSource(path) && !path.endsWith('.d.ts') && !GENERATED.test(path))
    .flatMap(({ path, hasHead, wideComments }) => [
      ...(hasHead ? [] : [`${path}: begins without a head comment that says what it is`]),
      ...wideComments.map((line) => `${path}: line ${line} is a comment wider than 100 columns`),
    ]);
}

/** Production code and scripts; tests are none. */
function isSource(path: string): boolean {
  return [...PRODUCTION, 'scripts'].some((side) => isIn(path, side));
}

function below(folder: string, names: string): string[] {
  return names.split(' ').map((name) => `${folder}/${name}`);
}

function isIn(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`);
}

function isMain(path: string): boolean {
  return path === 'agent/main.ts' || path === 'collector/main.ts';
}
