import { createHash } from 'node:crypto';
import type { Test } from 'tap';
import { API_LIMITS } from '../../../collector/api/limits.ts';
import { Control } from '../../../collector/store/control.ts';
import { StoreUnavailable, type Tables } from '../../../collector/store/tables.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { newKey, openServer } from '../../support/region/api.ts';
import { freshMerchant } from '../../support/region/fresh.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

const RANGE = 'from=2011-03-27&to=2011-03-28';
/** With a question that each answers. */
const ROUTES = { metrics: RANGE, top: RANGE, events: RANGE, losses: 'limit=5' };

export async function authContract(t: Test, tables: Tables): Promise<void> {
  let clock = 0;
  const server = await openServer(tables, { now: () => 0, clock: () => clock });
  const merchant = freshMerchant();
  const key = await newKey(tables, merchant);
  const ask = async (path: string, authorization?: string) => {
    const { statusCode, headers, body } = await server.inject({
      url: path,
      headers: authorization === undefined ? {} : { authorization },
    });
    return { status: statusCode, headers, body: JSON.parse(body) };
  };
  const range = RANGE;

  for (const [route, question] of Object.entries(ROUTES)) {
    const path = `/v1/merchants/${merchant}/${route}`;

    await t.test(`${route}: without a key, with half of one or with an unknown one, 401`, async (t) => {
      for (const authorization of [
        undefined,
        ...['', 'Bearer', 'Bearer ', `Basic ${key}`, key, `Bearer ${key}x`, `Bearer ${key} x`, 'Bearer ø'],
      ]) {
        const answer = await ask(`${path}?${question}`, authorization);
        t.match(answer, {
          status: 401,
          headers: { 'www-authenticate': 'Bearer', 'content-type': 'application/problem+json' },
          body: { type: 'about:blank', title: 'Unauthorized', status: 401, detail: String },
        });
      }
    });

    await t.test(`${route}: the caller is authenticated before the query is read`, async (t) => {
      t.match(await ask(`${path}?nonsense=1`), { status: 401 });
      t.match(await ask(`${path}?nonsense=1`, `Bearer ${key}`), { status: 400 });
      t.match(await ask(`/v1/merchants/other/${route}?nonsense=1`, `Bearer ${key}`), { status: 403 });
    });

    await t.test(`${route}: a key reads its own merchant alone, whether there are others or not`, async (t) => {
      t.match(await ask(`${path}?${question}`, `Bearer ${key}`), { status: 200 });
      t.match(await ask(`${path}?${question}`, `bearer ${key}`), { status: 200 }, 'the scheme has no case');
      const neighbour = freshMerchant();
      await newKey(tables, neighbour);
      const others = [neighbour, 'nobody', `${merchant}x`, merchant.slice(0, -1), merchant.toUpperCase()];
      for (const other of [...others, '__proto__', 'constructor', '%00', `${merchant}%00`, `..%2f${merchant}`])
        t.match(
          await ask(`/v1/merchants/${other}/${route}?${question}`, `Bearer ${key}`),
          { status: 403, body: { title: 'Forbidden' } },
          other,
        );
    });
  }

  await t.test("no answer holds another merchant's data, though names begin alike", async (t) => {
    const mine = new Region(tables, merchant);
    const near = new Region(tables, `${merchant}-2` as typeof merchant);
    await mine.append(mine.events('a', 1, salesIn(HOUR, [1])));
    await near.append(near.events('a', 2, salesIn(HOUR, [100])), near.events('b', 1, salesIn(HOUR, [200])));
    for (const rolledUp of [false, true]) {
      if (rolledUp) {
        for (const region of [mine, near]) {
          await region.mark(HOUR, 'a');
          await region.passDay(Math.floor(HOUR / 24));
        }
      }
      const { body } = await ask(
        `/v1/merchants/${merchant}/metrics?${range}&interval=total&by=terminal`,
        `Bearer ${key}`,
      );
      t.match(body.series, [{ key: { terminal: 'a' }, points: [{ 'sales.amount': 1 }] }]);
      t.equal(body.series.length, 1);
    }
    t.equal((await ask(`/v1/merchants/${merchant}/events?${range}`, `Bearer ${key}`)).body.events.length, 1);
  });

  await t.test('a revoked key is refused within ten seconds, a new one works at once', async (t) => {
    const revoked = await newKey(tables, merchant);
    const path = `/v1/merchants/${merchant}/metrics?${range}`;
    t.match(await ask(path, `Bearer ${revoked}`), { status: 200 });
    const hash = createHash('sha256').update(revoked).digest('hex');
    await new Control(tables).addApiKey({ merchant, hash, createdAt: 0, revokedAt: 1 });
    t.match(await ask(path, `Bearer ${revoked}`), { status: 200 }, 'remembered');
    clock += 10_000;
    t.match(await ask(path, `Bearer ${revoked}`), { status: 401 });
    t.match(await ask(path, 'Bearer not-yet'), { status: 401 });
    const late = createHash('sha256').update('not-yet').digest('hex');
    await new Control(tables).addApiKey({ merchant, hash: late, createdAt: 0, revokedAt: null });
    t.match(await ask(path, 'Bearer not-yet'), { status: 200 });
  });

  await t.test('a store that cannot look up a key gives 503, not 401', async (t) => {
    const down = new HookedTables(tables, () => Promise.reject(new StoreUnavailable('down')));
    const blind = await openServer(down, { now: () => 0 });
    const answer = await blind.inject({
      url: `/v1/merchants/${merchant}/metrics?${range}`,
      headers: { authorization: `Bearer ${key}` },
    });
    t.equal(answer.statusCode, 503);
    for (let at = 0; at < API_LIMITS.wrongKeysBurst.value; at++) {
      const { statusCode } = await blind.inject({
        url: `/v1/merchants/${merchant}/metrics?${range}`,
        headers: { authorization: `Bearer ${key}` },
      });
      if (statusCode !== 503) t.fail(`${statusCode} after ${at}: nobody knows that the key is wrong`);
    }
  });

  await server.close();
}
