import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { epoch } from '../../../shared/ids.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { Api, type Query } from '../../support/region/api.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

const OTHER = epoch('ff000000000000ff');

interface Listed {
  readonly stream: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly count: number;
}

/** All pages, each at most as long as requested. */
async function pages(api: Api, query: Query): Promise<Listed[][]> {
  const found: Listed[][] = [];
  let cursor: string | null = null;
  do {
    const { losses, next } = await api.get('losses', { ...query, ...(cursor !== null && { cursor }) });
    found.push(losses);
    cursor = next;
  } while (cursor !== null);
  return found;
}

const ranges = (losses: readonly Listed[]): [number, number][] =>
  losses.map(({ firstSeq, lastSeq }) => [firstSeq, lastSeq]);

const sales = (hour: number, count: number) =>
  salesIn(
    hour,
    Array.from({ length: count }, () => 1),
  );

/** Each seq that the pages name, with its stream. */
const seqs = (losses: readonly Listed[]): string[] =>
  losses.flatMap(({ stream, firstSeq, count }) => Array.from({ length: count }, (_, i) => `${stream}/${firstSeq + i}`));

export async function lossesContract(t: Test, tables: Tables): Promise<void> {
  await t.test('a record of a loss comes with its stream, its seqs, why and when', async (t) => {
    const region = new Region(tables);
    const at = Date.parse('2011-03-27T02:03:04.567Z');
    await region.append(
      region.events('till-1', 1, sales(HOUR, 3)),
      region.losses('till-1', 4, 7, { loss: { reason: 'evicted', at, detail: 'full' } }),
    );
    t.same(await (await Api.open(region)).get('losses'), {
      losses: [
        {
          terminal: 'till-1',
          stream: 'till-1.00000000000000aa',
          firstSeq: 4,
          lastSeq: 10,
          count: 7,
          reason: 'evicted',
          at: '2011-03-27T02:03:04.567Z',
        },
      ],
      next: null,
    });
  });

  await t.test('a merchant without losses, or without anything, has an empty list', async (t) => {
    const region = new Region(tables);
    const api = await Api.open(region);
    t.same(await api.get('losses'), { losses: [], next: null });
    await region.append(region.events('a', 1, sales(HOUR, 3)));
    t.same(await api.get('losses'), { losses: [], next: null });
  });

  await t.test('what was stored after all is not lost: only what is left of a record is listed', async (t) => {
    const region = new Region(tables);
    await region.append(
      region.losses('a', 1, 20, { loss: { reason: 'unreadable' } }),
      region.events('a', 3, sales(HOUR, 4)),
      region.events('a', 5, sales(HOUR, 1)),
      region.events('a', 20, sales(HOUR, 5)),
      // Of others: another epoch, another till.
      region.events('a', 10, sales(HOUR, 2), { epoch: OTHER }),
      region.events('b', 12, sales(HOUR, 2)),
    );
    const { losses } = await (await Api.open(region)).get('losses');
    t.same(ranges(losses), [
      [1, 2],
      [7, 19],
    ]);
    t.same(
      losses.map(({ count }: Listed) => count),
      [2, 13],
    );
  });

  await t.test('also what is stored in other hours: the record names the nearest that was known', async (t) => {
    const region = new Region(tables);
    await region.append(
      region.losses('a', 1, 10),
      region.events('a', 1, sales(HOUR - 72, 2)),
      region.events('a', 4, sales(HOUR - 1, 1)),
      region.events('a', 6, sales(HOUR + 9, 1)),
      region.events('a', 9, sales(HOUR + 72, 1)),
    );
    const { losses } = await (await Api.open(region)).get('losses');
    t.same(ranges(losses), [
      [3, 3],
      [5, 5],
      [7, 8],
      [10, 10],
    ]);
  });

  await t.test('a record of which all is stored is not listed', async (t) => {
    const region = new Region(tables);
    await region.append(region.losses('a', 2, 3), region.events('a', 1, sales(HOUR, 6)));
    t.same(await (await Api.open(region)).get('losses'), { losses: [], next: null });
  });

  await t.test('the newest hours come first, within one by terminal, epoch and seq', async (t) => {
    const region = new Region(tables);
    await region.append(
      region.losses('b', 1, 1, { hour: HOUR }),
      region.losses('a', 9, 1, { hour: HOUR }),
      region.losses('a', 2, 1, { hour: HOUR }),
      region.losses('a', 1, 1, { hour: HOUR, epoch: OTHER }),
      region.losses('z', 50, 2, { hour: HOUR + 1 }),
      region.losses('z', 30, 2, { hour: HOUR - 5_000 }),
      region.losses('z', 90, 2, { hour: HOUR + 9_000 }),
    );
    const { losses } = await (await Api.open(region)).get('losses');
    t.same(
      losses.map(({ stream, firstSeq }: Listed) => `${stream} ${firstSeq}`),
      [
        'z.00000000000000aa 90',
        'z.00000000000000aa 50',
        'a.00000000000000aa 2',
        'a.00000000000000aa 9',
        'a.ff000000000000ff 1',
        'b.00000000000000aa 1',
        'z.00000000000000aa 30',
      ],
    );
  });

  await t.test('by terminal', async (t) => {
    const region = new Region(tables);
    await region.append(
      ...['a', 'a-b', 'b'].map((terminal) => region.losses(terminal, 1, 2)),
      region.losses('a', 7, 1, { hour: HOUR + 3 }),
    );
    const api = await Api.open(region);
    const of = async (terminal: string) =>
      (await pages(api, { terminal, limit: '1' })).flat().map(({ stream, firstSeq }) => `${stream} ${firstSeq}`);
    t.same(await of('a'), ['a.00000000000000aa 7', 'a.00000000000000aa 1']);
    t.same(await of('a-b'), ['a-b.00000000000000aa 1']);
    t.same(await of('none'), []);
  });

  await t.test('each lost seq comes once, whatever the size of the pages, from records that overlap', async (t) => {
    const region = new Region(tables);
    for (const hour of [HOUR, HOUR + 1, HOUR + 40]) {
      for (const terminal of ['a', 'a-b', 'b']) {
        for (const ofEpoch of [epoch('00000000000000aa'), OTHER]) {
          const options = { hour, epoch: ofEpoch };
          const base = (hour - HOUR) * 100;
          await region.append(
            region.losses(terminal, base + 1, 9, options),
            region.losses(terminal, base + 1, 4, options),
            region.losses(terminal, base + 5, 12, options),
            region.losses(terminal, base + 18, 1, options),
            region.events(terminal, base + 3, sales(hour, 2), options),
            region.events(terminal, base + 8, sales(hour, 4), options),
          );
        }
      }
    }
    const lost = [1, 2, 5, 6, 7, 12, 13, 14, 15, 16, 18];
    const expected = [HOUR + 40, HOUR + 1, HOUR].flatMap((hour) =>
      ['a', 'a-b', 'b'].flatMap((terminal) =>
        ['00000000000000aa', OTHER].flatMap((ofEpoch) =>
          lost.map((seq) => `${terminal}.${ofEpoch}/${(hour - HOUR) * 100 + seq}`),
        ),
      ),
    );
    const api = await Api.open(region);
    for (const limit of [1, 2, 5, 1_000]) {
      const found = await pages(api, { limit: String(limit) });
      t.ok(found.every((page) => page.length <= limit));
      t.same(seqs(found.flat()), expected, `pages of ${limit}`);
    }
  });

  await t.test('records that arrive between two pages shift nothing in a later page', async (t) => {
    const region = new Region(tables);
    await region.append(...[1, 3, 5, 7].map((seq) => region.losses('a', seq, 1)));
    const api = await Api.open(region);
    const { next } = await api.get('losses', { limit: '2' });
    await region.append(region.losses('a', 2, 1), region.losses('a', 90, 1, { hour: HOUR + 1 }));
    t.same(ranges((await api.get('losses', { cursor: next })).losses), [
      [5, 5],
      [7, 7],
    ]);
  });

  await t.test('a record of a million seqs is one entry, less what is stored far within it', async (t) => {
    const region = new Region(tables);
    await region.append(region.losses('a', 1, 1_000_000), region.events('a', 700_001, sales(HOUR + 2, 5)));
    const { losses, next } = await (await Api.open(region)).get('losses');
    t.same(ranges(losses), [
      [1, 700_000],
      [700_006, 1_000_000],
    ]);
    t.equal(next, null);
  });

  await t.test('a record of four thousand million seqs costs what is stored, not what it claims', async (t) => {
    const region = new Region(tables);
    let scans = 0;
    const counted = new HookedTables(tables, async (call, make) => {
      if (call.operation === 'scan') scans++;
      return make();
    });
    await region.append(region.losses('a', 1, 2 ** 32 - 1), region.losses('b', 1, 1));
    await region.append(region.events('a', 2 ** 31, sales(HOUR, 1)));
    const { losses, next } = await (await Api.open(region.through(counted))).get('losses', { limit: '1000' });
    t.ok(scans < 50, `${scans} scans`);
    t.same(ranges(losses), [
      [1, 2 ** 31 - 1],
      [2 ** 31 + 1, 2 ** 32 - 1],
      [1, 1],
    ]);
    t.equal(next, null);
  });

  await t.test('a wrong question is answered with the parameter to blame', async (t) => {
    const api = await Api.open(new Region(tables));
    const packed = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const wrong: [Query, string][] = [
      [{ limit: '0' }, 'limit'],
      [{ limit: '1001' }, 'limit'],
      [{ limit: 'all' }, 'limit'],
      [{ terminal: '' }, 'terminal'],
      [{ terminal: 'Till 1' }, 'terminal'],
      [{ terminal: '../x' }, 'terminal'],
      [{ terminal: ['a', 'b'] }, 'terminal'],
      [{ from: '2011-03-27' }, 'from'],
      [{ terminal: 'b', cursor: packed([HOUR, 'a', OTHER, 1, 1]) }, 'cursor'],
      ...[
        ...['', 'x', '%', '\0', 'bm90IGpzb24', packed(null), packed([]), packed({}), packed(7)],
        ...[[1.5], [-2], [2 ** 40], ['1'], [HOUR, 'a'], [HOUR, 'a', OTHER, 1], [HOUR, 'a', OTHER, 2, 1]].map(packed),
        ...[
          [HOUR, 'a', OTHER, 0, 1],
          [HOUR, 'a', OTHER, 1, '1'],
          [HOUR, 'A\0/', OTHER, 1, 1],
          [HOUR, 'a', 'zz', 1, 1],
        ].map(packed),
        packed([HOUR, 'a', OTHER, 1, 1, 1]),
      ].map((cursor): [Query, string] => [{ cursor }, 'cursor']),
    ];
    for (const [query, parameter] of wrong)
      t.match(
        await api.ask('losses', query),
        { status: 400, headers: { 'content-type': 'application/problem+json' }, body: { errors: [{ parameter }] } },
        JSON.stringify(query),
      );
  });

  await t.test('a record that the store has damaged is named, and the others are listed', async (t) => {
    const region = new Region(tables);
    const bad = region.losses('a', 4, 2);
    await region.append(region.losses('a', 1, 1), bad, region.losses('a', 8, 1));
    await region.overwrite(bad, bad.bytes.subarray(0, -1));
    const { losses, unreadable } = await (await Api.open(region)).get('losses', {});
    t.same(ranges(losses), [
      [1, 1],
      [8, 8],
    ]);
    t.match(unreadable, [{ terminal: 'a', firstSeq: 4, lastSeq: 5 }]);
  });

  await t.test("a cursor leads to nobody else's losses", async (t) => {
    const [mine, yours] = [new Region(tables), new Region(tables)];
    await mine.append(...[1, 3, 5].map((seq) => mine.losses('a', seq, 1)));
    await yours.append(...[1, 3, 7].map((seq) => yours.losses('a', seq, 1)));
    const { next } = await (await Api.open(yours)).get('losses', { limit: '1' });
    t.same(ranges((await (await Api.open(mine)).get('losses', { cursor: next })).losses), [
      [3, 3],
      [5, 5],
    ]);
  });
}
