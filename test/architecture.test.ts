import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { commentsOf, functionsOf, importsOf, type Module, readModules, readSources } from './architecture/modules.ts';
import { breaches, EVENT_SQL_FILE, withEventSql } from './architecture/rules.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDERS = ['agent', 'collector', 'shared', 'scripts', 'test'];
const DEPENDENCIES = Object.keys(JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')).dependencies);

t.test('the modules of this project keep the import rules', async (t) => {
  const modules = readModules(ROOT, FOLDERS);
  for (const folder of FOLDERS) {
    const count = modules.filter(({ path }) => path.startsWith(`${folder}/`)).length;
    t.ok(count > 0, `${count} modules seen in ${folder}`);
  }
  t.ok(
    modules.some(({ modules, packages }) => modules.length > 0 && packages.length > 0),
    'imports seen',
  );
  t.same(breaches(modules, DEPENDENCIES), []);
});

t.test('SQL on events stands in one file', async (t) => {
  const sources = readSources(ROOT, ['agent']);
  t.same(withEventSql(sources), [EVENT_SQL_FILE]);
});

t.test('SQL on events elsewhere is found', async (t) => {
  const statements = [
    'SELECT id FROM events WHERE id = ?',
    'INSERT INTO events (id) VALUES (?)',
    'UPDATE events SET state = 1',
    'DELETE FROM events',
    'SELECT 1 FROM\n  events NOT INDEXED',
    'SELECT 1 FROM epochs JOIN events USING (epoch)',
  ];
  for (const sql of statements) {
    const root = t.testdir({
      agent: {
        buffer: {
          tables: { 'event-statements.ts': `export const a = \`${sql}\`;` },
          support: { 'twin.ts': `export const b = \`${sql}\`;`, 'other.ts': "export const c = 'DELETE FROM losses';" },
        },
      },
    });
    t.same(withEventSql(readSources(root, ['agent'])), ['agent/buffer/support/twin.ts', EVENT_SQL_FILE]);
  }
});

t.test('every way to import is seen', async (t) => {
  const source = `#!/usr/bin/env node
    import a, { type A } from './a.ts';
    import type { B } from './b.ts';
    export { c } from './c.ts';
    export * from './d.ts';
    export type { E } from './e.ts';
    import './f.ts';
    const é = 'ü'; // import type { X } from './comment.ts';
    type G = import('./g.ts').G;
    async function late(): Promise<void> { await import('./h.ts'); await using x = y(); }
    const text = "import type { X } from './text.ts'";
    import type {
      I,
    } from './i.ts';
  `;
  const letters = [...'abcdefghi'].map((letter) => `./${letter}.ts`);
  t.same(importsOf(source).sort(), letters);
});

t.test('a module that breaks the rules is reported when it is read from a file', async (t) => {
  const root = t.testdir({
    collector: {
      api: { 'query.ts': "/** A query. */\nimport { fold } from '../rollup/fold.ts';\nimport 'express';" },
      rollup: { 'fold.ts': 'export const fold: number = 1;' },
    },
  });
  t.same(breaches(readModules(root, ['collector']), ['fastify']), [
    'collector/api/query.ts imports collector/rollup/fold.ts: a stage knows its own folder, shared/, its side’s port and pure logic',
    'collector/api/query.ts imports express: not a dependency',
    'collector/rollup/fold.ts: begins without a head comment that says what it is',
  ]);
});

t.test('each rule reports what breaks it', async (t) => {
  const cases: [rule: string, from: string, to: string][] = [
    ['a stage knows its own folder', 'agent/ingest/http.ts', 'agent/ship/shipper.ts'],
    ['a stage knows its own folder', 'agent/ship/shipper.ts', 'agent/buffer/sqlite.ts'],
    ['a stage knows its own folder', 'collector/broker/gate.ts', 'collector/ingest/group.ts'],
    ['a stage knows its own folder', 'collector/api/http.ts', 'collector/main.ts'],
    ['shared/ imports nothing but shared/', 'shared/keys.ts', 'agent/port/intake.ts'],
    ['the agent does not know the collector', 'agent/main.ts', 'collector/config/collector-config.ts'],
    ['the collector does not know the agent', 'collector/ingest/group.ts', 'agent/port/intake.ts'],
    ['only main.ts knows an adapter', 'collector/rollup/recompute.ts', 'collector/store/sqlite/sqlite-tables.ts'],
    ['only main.ts knows an adapter', 'collector/store/rollups/rollups.ts', 'collector/store/hbase/hbase-tables.ts'],
    ['only main.ts knows an adapter', 'collector/store/hbase/hbase-tables.ts', 'collector/store/sqlite/cells.ts'],
    ['collector/aggregation is pure', 'collector/aggregation/fold.ts', 'collector/store/rollups/rollups.ts'],
    ['production code knows no tests', 'agent/main.ts', 'scripts/start/main.ts'],
    ['production code knows no tests', 'shared/keys.ts', 'test/unit/shared/keys.test.ts'],
  ];
  for (const [rule, from, to] of cases) {
    const sentence = `${from} imports ${to}: ${rule}`;
    t.ok(
      breaches(made(from, to), []).some((breach) => breach.startsWith(sentence)),
      sentence,
    );
  }

  t.match(breaches([module('shared/clock.ts', { packages: ['node:fs'] })], []), [/node:fs: shared\/ is pure/]);
  t.match(breaches([module('shared/wire/batch.ts', { packages: ['yaml'] })], []), [/yaml: shared\/ is pure/]);
  t.match(breaches([module('agent/main.ts', { packages: ['leftpad'] })], ['mqtt']), [/leftpad: not a dependency/]);
  t.match(breaches([module('agent/main.ts', { modules: ['agent/gone.ts'] })], []), [
    /agent\/gone.ts, which is not there/,
  ]);
  t.match(breaches([module('agent/utils.ts')], []), [/the name says nothing/]);
  t.match(breaches([module('agent/someThing.ts')], []), [/not in kebab case/]);
  t.same(
    breaches([...made('agent/a.ts', 'agent/b.ts').slice(0, 1), module('agent/b.ts', { modules: ['agent/a.ts'] })], []),
    ['import cycle: agent/a.ts → agent/b.ts → agent/a.ts'],
  );
});

t.test('an import that runs up, or a circle between folders, is reported', async (t) => {
  const tables = 'agent/buffer/tables/schema.ts';
  const recovery = 'agent/buffer/recovery/recovery.ts';
  t.same(breaches(made(recovery, tables), []), []);
  t.same(breaches(made(tables, recovery), []), [
    `${tables} imports ${recovery}: agent/buffer/tables lies below agent/buffer/recovery`,
  ]);
  t.same(breaches(made('agent/port/outbox.ts', 'agent/start.ts'), []), [
    'agent/port/outbox.ts imports agent/start.ts: agent/port lies below agent',
  ]);

  // No file imports itself by a way round, and still neither folder can be read first.
  const circle = [
    ...made('scripts/start/main.ts', 'scripts/simulate/shop.ts'),
    ...made('scripts/simulate/main.ts', 'scripts/start/options.ts'),
  ];
  t.same(breaches(circle, []), ['folder cycle: scripts/start → scripts/simulate → scripts/start']);
  t.same(breaches([module('agent/novel/thing.ts')], []), [
    'agent/novel: the folder has no level in test/architecture/rules.ts',
  ]);
});

t.test('a package that the fold reaches is reported with the way to it', async (t) => {
  const cube = 'collector/aggregation/cube.ts';
  const fold = 'collector/aggregation/fold.ts';
  const [from] = made(fold, cube);
  t.same(breaches([from!, module(cube, { packages: ['node:crypto'] })], []), [
    `${fold} → ${cube} imports node:crypto: the fold imports no package and nothing of Node`,
  ]);
  t.same(
    breaches([from!, module(cube), module('collector/aggregation/codec.ts', { packages: ['node:zlib'] })], []),
    [],
  );
});

t.test('what grows too large is reported', async (t) => {
  const folder = Array.from({ length: 16 }, (_, at) => module(`agent/port/p${at}.ts`));
  t.same(breaches(folder, []), ['agent/port: 16 files, more than 15']);
  t.same(breaches(folder.slice(1), []), []);
  t.same(breaches([module('agent/main.ts', { lines: 301 })], []), ['agent/main.ts: 301 lines, more than 300']);
  t.same(breaches([module('test/flow/long.test.ts', { lines: 301 })], []), []);
  const body = 'work();\n'.repeat(60);
  const functions = functionsOf(`class A { run(a: number) {\n${body}} }\nconst short = (b: string) => {\nwork();\n};`);
  t.same(functions, [
    { name: 'run', lines: 62 },
    { name: 'short', lines: 3 },
  ]);
  t.same(breaches([module('agent/main.ts', { functions })], []), ['agent/main.ts: run has 62 lines, more than 60']);
});

t.test('a source file without a head comment, and a wide comment, are reported', async (t) => {
  const of = (length: number, start: string) => start.padEnd(length, 'x');
  const source = (length: number) =>
    [
      '#!/usr/bin/env node',
      of(length, '// '),
      'interface A {',
      of(length, '  /** '),
      '  b: string;',
      '}',
      '/**',
      of(length, ' * '),
      ' */',
      `const text = '${'x'.repeat(length)}';`,
    ].join('\n');
  t.same(commentsOf(source(100)), { hasHead: true, wideComments: [] });
  t.same(commentsOf(source(101)), { hasHead: true, wideComments: [2, 4, 8] });
  t.ok(commentsOf('/** What it is. */').hasHead);
  for (const headless of ['const a = 1;', '#!/usr/bin/env node\nconst a = 1;', '\n// Late.', ''])
    t.notOk(commentsOf(headless).hasHead);

  const bad = { hasHead: false, wideComments: [7] };
  for (const path of ['agent/main.ts', 'collector/main.ts', 'shared/keys.ts', 'scripts/ci/preload.mjs'])
    t.same(breaches([module(path, bad)], []), [
      `${path}: begins without a head comment that says what it is`,
      `${path}: line 7 is a comment wider than 100 columns`,
    ]);
  const exempt = ['agent/ship/types-of-mqtt.d.ts', 'shared/wire/dictionaries/dictionary-2.ts', 'test/flow/a.test.ts'];
  for (const path of exempt) t.same(breaches([module(path, bad)], []), []);
});

t.test('what is allowed is not reported', async (t) => {
  const allowed: [from: string, to: string][] = [
    ['agent/ingest/http.ts', 'agent/port/intake.ts'],
    ['agent/ingest/http.ts', 'shared/event/parse.ts'],
    ['agent/main.ts', 'agent/ship/shipper.ts'],
    ['collector/rollup/recompute.ts', 'collector/store/rollups/rollups.ts'],
    ['collector/api/query.ts', 'collector/aggregation/fold.ts'],
    ['collector/main.ts', 'collector/store/sqlite/sqlite-tables.ts'],
    ['collector/store/sqlite/sqlite-tables.ts', 'collector/store/tables.ts'],
    ['scripts/bench/sections/store-throughput.ts', 'collector/store/hbase/hbase-tables.ts'],
    ['test/contract/tables.test.ts', 'collector/store/sqlite/sqlite-tables.ts'],
  ];
  for (const [from, to] of allowed) t.same(breaches(made(from, to), []), []);
  t.same(breaches([module('agent/main.ts', { packages: ['mqtt', 'node:fs'] })], ['mqtt']), []);
});

function module(path: string, imports: Partial<Module> = {}): Module {
  return { path, modules: [], packages: [], lines: 1, functions: [], hasHead: true, wideComments: [], ...imports };
}

function made(from: string, to: string): Module[] {
  return [module(from, { modules: [to] }), module(to)];
}
