import { Registry } from 'prom-client';
import type { Test } from 'tap';
import type { TSchema } from 'typebox';
import Schema from 'typebox/schema';
import { request } from 'undici';
import { createServer } from '../../../collector/api/server.ts';
import { StoreUnavailable, type Tables } from '../../../collector/store/tables.ts';
import { Api, openServer, SERVER } from '../../support/region/api.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { Region } from '../../support/region/region.ts';

const DAY = { from: '2011-03-27', to: '2011-03-28' };

export async function serverContract(t: Test, tables: Tables): Promise<void> {
  const server = await openServer(tables, { now: () => 0 });

  await t.test('health, metrics and the description need no key', async (t) => {
    for (const path of ['/livez', '/readyz', '/metrics', '/openapi.json'])
      t.equal((await server.inject(path)).statusCode, 200, path);
    t.match((await server.inject('/metrics')).body, /tillstream_http_request_duration_seconds_count\{route="\/livez"/);
  });

  await t.test('readiness is what the process reports', async (t) => {
    const draining = await createServer({
      readiness: () => ({ ready: false, reason: 'draining' }),
      registry: new Registry(),
      onError: () => undefined,
      merchants: null,
      ...SERVER,
    });
    t.match(await draining.inject('/readyz'), { statusCode: 503, body: 'draining\n' });
    t.match(await draining.inject('/livez'), { statusCode: 200 });
    t.match(await draining.inject('/v1/merchants/acme/metrics'), { statusCode: 404 }, 'without the role api');
  });

  await t.test(
    'what is not there, or cannot be read, is told in problem details, over a real connection',
    async (t) => {
      const address = await server.listen({ host: '127.0.0.1', port: 0 });
      for (const [path, status] of [
        ['/nothing', 404],
        ['/v1/merchants/acme', 404],
        ['/v1/merchants/acme/nothing', 404],
        ['/v1/merchants//metrics', 401],
        ['/%E0%A4%A', 400],
      ] as const) {
        const answer = await request(`${address}${path}`);
        t.equal(answer.statusCode, status, path);
        t.match(answer.headers['content-type'], /^application\/problem\+json/, path);
        t.match(await answer.body.json(), { type: 'about:blank', status, detail: String });
      }
      const posted = await request(`${address}/v1/merchants/acme/metrics`, { method: 'POST' });
      t.equal(posted.statusCode, 404, 'figures are only read');
      await posted.body.dump();
    },
  );

  await t.test('a store that does not answer is a 503 to come again, wherever it stops answering', async (t) => {
    let left = 0;
    const failing = new HookedTables(tables, async (_call, make) => {
      if (left-- <= 0) throw new StoreUnavailable('down');
      return make();
    });
    const region = new Region(tables);
    const errors: Error[] = [];
    left = Number.POSITIVE_INFINITY;
    const api = await Api.open(region.through(failing), { errors });
    for (const [what, calls, query] of [
      ['metrics', 3, DAY],
      ['top', 3, DAY],
      ['events', 1, DAY],
      ['losses', 1, {}],
    ] as const) {
      t.match(await api.ask(what, query), { status: 200 });
      for (let made = 0; made < calls; made++) {
        left = made;
        t.match(
          await api.ask(what, query),
          { status: 503, headers: { 'retry-after': '5' }, body: { status: 503 } },
          `${what}, after ${made} calls`,
        );
      }
      left = Number.POSITIVE_INFINITY;
    }
    t.equal(errors.length, 8);
    t.match(await api.ask('metrics', DAY), { status: 200 }, 'and goes on when the store does');
  });

  await t.test('an internal error is a 500 without details, and is reported to the operator', async (t) => {
    const errors: Error[] = [];
    const region = new Region(tables);
    let broken = false;
    const api = await Api.open(
      region.through(
        new HookedTables(tables, async (_call, make) => {
          if (broken) throw new TypeError('secret /etc/path');
          return make();
        }),
      ),
      { errors },
    );
    await api.get('metrics', DAY);
    broken = true;
    const { status, text } = await api.ask('metrics', DAY);
    t.equal(status, 500);
    t.notMatch(text, /secret/);
    t.match(errors, [{ message: /secret/ }]);
  });

  await t.test('OpenAPI 3.1 describes the routes, their parameters and the key', async (t) => {
    const document = (await server.inject('/openapi.json')).json();
    t.match(document, {
      openapi: /^3\.1\./,
      info: { title: 'Tillstream', version: '0.0.0' },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      security: [{ key: [] }],
    });
    const routes = ['metrics', 'top', 'events', 'losses', 'restatements'];
    const paths = routes.map((what) => `/v1/merchants/{merchant}/${what}`);
    const namedBy: Readonly<Record<string, string>> = { losses: 'terminal', restatements: 'since' };
    t.same(Object.keys(document.paths).sort(), paths.toSorted());
    for (const path of paths) {
      const { get, ...others } = document.paths[path];
      t.same(Object.keys(others), [], 'read only');
      t.ok(get.summary);
      t.ok(get.responses['200'].description);
      const parameters: { name: string; in: string; required?: boolean; schema: TSchema }[] = get.parameters;
      t.match(
        parameters.filter((parameter) => parameter.in === 'path'),
        [{ name: 'merchant', required: true, schema: { type: 'string' } }],
      );
      t.ok(parameters.some(({ name }) => name === (namedBy[path.split('/').at(-1)!] ?? 'from')));
      const names = parameters.map((parameter) => `${parameter.in} ${parameter.name}`);
      t.equal(new Set(names).size, names.length);
      for (const { name, schema } of parameters) {
        t.doesNotThrow(() => Schema.Compile(schema), name);
        t.ok('type' in schema, `${name} has a type`);
      }
    }
    t.notMatch(JSON.stringify(document), /"~/, "none of the schema library's own marks");
  });

  await server.close();
}
