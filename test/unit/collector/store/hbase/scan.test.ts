import fc from 'fast-check';
import t from 'tap';
import { type PageRequest, scanRows } from '../../../../../collector/store/hbase/scan.ts';
import type { TResult } from '../../../../../collector/store/hbase/thrift/idl.ts';
import { ReplyTooLarge } from '../../../../../collector/store/hbase/thrift/reply-scanner.ts';
import { type Scan, StoreUnavailable } from '../../../../../collector/store/tables.ts';

interface Stored {
  readonly key: Buffer;
  readonly bytes: number;
}

/** Sorted rows as HBase would page through them; a page heavier than `maxBytes` can't be held. */
function table(rows: readonly Stored[], maxBytes = Number.POSITIVE_INFINITY) {
  const pages: PageRequest[] = [];
  let largestPage = 0;
  const readPage = async (page: PageRequest): Promise<TResult[]> => {
    pages.push(page);
    const inRange = ({ key }: Stored) =>
      Buffer.compare(key, page.startRow) >= 0 && Buffer.compare(key, page.stopRow) < 0;
    const found = rows.filter(inRange).slice(0, page.limit);
    const weight = found.reduce((sum, { bytes }) => sum + bytes, 0);
    largestPage = Math.max(largestPage, weight);
    if (weight > maxBytes) throw new StoreUnavailable('too large', { cause: new ReplyTooLarge('too large') });
    return found.map(({ key, bytes }) => ({
      row: key,
      columnValues: [
        { family: Buffer.from('b'), qualifier: Buffer.from('d'), value: Buffer.alloc(bytes), timestamp: 5n },
      ],
    }));
  };
  const scan = (options: Partial<Scan> = {}) =>
    Array.fromAsync(
      scanRows({ start: Buffer.of(0), stop: Buffer.of(0xff, 0xff), ...options }, readPage, async () => null),
    );
  return { scan, pages, largestPage: () => largestPage };
}

const numbered = (count: number, bytes: (i: number) => number): Stored[] =>
  Array.from({ length: count }, (_, i) => ({ key: Buffer.from(`row ${String(i).padStart(6, '0')}`), bytes: bytes(i) }));

t.test('a scan gives every row of its range once, in order, and no more than its limit', async (t) => {
  const keys = fc.uniqueArray(fc.uint8Array({ minLength: 1, maxLength: 3 }), { maxLength: 200, selector: String });
  const bound = fc.uint8Array({ maxLength: 3 });
  const property = fc.asyncProperty(
    keys,
    bound,
    bound,
    fc.option(fc.nat(100)),
    async (unsorted, start, stop, limit) => {
      const rows = unsorted
        .map((key) => ({ key: Buffer.from(key), bytes: 1 }))
        .sort((a, b) => Buffer.compare(a.key, b.key));
      const inside = rows.filter(({ key }) => Buffer.compare(key, start) >= 0 && Buffer.compare(key, stop) < 0);
      const found = await table(rows).scan({ start, stop, ...(limit !== null && { limit }) });
      const wanted = inside.slice(0, limit ?? inside.length).map(({ key }) => key.toString('hex'));
      return String(found.map(({ row }) => Buffer.from(row).toString('hex'))) === String(wanted);
    },
  );
  await t.resolves(fc.assert(property));
});

t.test('pages of small rows grow, to few calls', async (t) => {
  const rows = table(numbered(5_000, () => 300));
  t.equal((await rows.scan()).length, 5_000);
  t.ok(rows.pages.length < 20, `${rows.pages.length} pages`);
});

t.test('pages of large rows stay near a megabyte', async (t) => {
  const rows = table(numbered(300, () => 128 * 1024));
  t.equal((await rows.scan()).length, 300);
  t.ok(rows.largestPage() <= 16 * 128 * 1024, `${rows.largestPage()} bytes`);
  t.equal(rows.pages.at(-2)?.limit, 7);
});

t.test('a page that turns out too large is read again in smaller ones', async (t) => {
  const rows = table(
    numbered(1_000, (i) => (i < 500 ? 10 : 200_000)),
    4 * 1024 * 1024,
  );
  const found = await rows.scan();
  t.equal(found.length, 1_000);
  t.equal(new Set(found.map(({ row }) => row.toString())).size, 1_000);
});

t.test('a single row that is too large fails the scan', async (t) => {
  const rows = table(
    numbered(10, (i) => (i === 7 ? 10_000 : 10)),
    5_000,
  );
  await t.rejects(rows.scan(), { name: 'StoreUnavailable' });
});

t.test('an empty or reversed range asks for nothing', async (t) => {
  const rows = table(numbered(3, () => 1));
  t.same(await rows.scan({ start: Buffer.of(5), stop: Buffer.of(5) }), []);
  t.same(await rows.scan({ start: Buffer.of(6), stop: Buffer.of(5) }), []);
  t.same(await rows.scan({ start: Buffer.of(5), stop: Buffer.of() }), []);
  t.same(await rows.scan({ limit: 0 }), []);
  t.same(rows.pages, []);
});

t.test('a keys-only scan is requested as such, in large pages', async (t) => {
  const rows = table(numbered(300, () => 0));
  await rows.scan({ keysOnly: true, columns: ['b:d'] });
  t.equal(rows.pages[0]?.limit, 256);
  t.match(
    Buffer.from(rows.pages[0]!.filterBytes!).toString('latin1'),
    /org\.apache\.hadoop\.hbase\.filter\.KeyOnlyFilter/,
  );
  t.same(rows.pages[0]?.columns, [{ family: Buffer.from('b'), qualifier: Buffer.from('d') }]);
});

t.test('rows that are said to be small are asked for in one page', async (t) => {
  const rows = table(numbered(100, () => 100));
  await rows.scan({ rowBytes: 8_192 });
  t.same(
    rows.pages.map(({ limit }) => limit),
    [128],
  );
  await rows.scan({ rowBytes: 1e9 });
  t.equal(rows.pages[1]?.limit, 1);
});
