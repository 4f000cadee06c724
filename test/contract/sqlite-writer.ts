/**
 * A process of its own that writes to a SQLite store: `node sqlite-writer.ts PATH NAME ROUNDS
 * ROWS`. Each round is one put of ROWS rows, and one counter, shared by all such processes, raised
 * by compare-and-set. It prints the number of each round that was acknowledged.
 */
import { openSqliteTables } from '../../collector/store/sqlite/sqlite-tables.ts';
import type { Tables } from '../../collector/store/tables.ts';
import { put } from './tables/rows.ts';

const [path, name, rounds, rows] = process.argv.slice(2);
const tables = await openSqliteTables({ path: path! });
await tables.init();
for (let round = 0; round < Number(rounds); round++) {
  const keys = Array.from({ length: Number(rows) }, (_, i) => Buffer.from(`${name} ${round} ${i}`));
  await tables.put(
    'events',
    keys.map((key) => put(key, { 'b:d': `${round}`.repeat(500) })),
  );
  await raiseCounter(tables);
  process.stdout.write(`${round}\n`);
}
await tables.close();

async function raiseCounter(tables: Tables): Promise<void> {
  const row = Buffer.from('counter');
  for (;;) {
    const [held] = await tables.get('control', [row]);
    const expected = held?.cells.get('m:n') ?? null;
    const next = Number(expected === null ? 0 : Buffer.from(expected).toString()) + 1;
    if (await tables.checkAndPut('control', { column: 'm:n', expected }, put(row, { 'm:n': `${next}` }))) return;
  }
}
