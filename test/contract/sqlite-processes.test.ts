import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { openSqliteTables } from '../../collector/store/sqlite/sqlite-tables.ts';
import { textOf } from './tables/rows.ts';

const WRITER = fileURLToPath(new URL('sqlite-writer.ts', import.meta.url));

function startWriter(path: string, name: string, rounds: number, rows: number): ChildProcess {
  return spawn(process.execPath, [WRITER, path, name, `${rounds}`, `${rows}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function counterOf(path: string): Promise<number> {
  const tables = await openSqliteTables({ path });
  const [row] = await tables.get('control', [Buffer.from('counter')]);
  await tables.close();
  return Number(textOf(row)?.['m:n'] ?? 0);
}

/** The rounds of which a row is there, and how many rows there are. */
async function roundsOf(path: string, name: string): Promise<{ rounds: Set<number>; rows: number }> {
  const tables = await openSqliteTables({ path });
  const rounds = new Set<number>();
  let rows = 0;
  for await (const row of tables.scan('events', { start: Buffer.from(`${name} `), stop: Buffer.from(`${name}!`) })) {
    rounds.add(Number(Buffer.from(row.row).toString().split(' ')[1]));
    rows++;
  }
  await tables.close();
  return { rounds, rows };
}

t.test('kill -9 in the middle of puts loses no acknowledged put and leaves none half done', async (t) => {
  const path = join(t.testdir(), 'store.db');
  let acknowledged = 0;
  for (const [kill, killAfter] of [40, 133, 7, 201].entries()) {
    const name = `life-${kill}`;
    const child = startWriter(path, name, 1_000_000, 40);
    const seen = new Set<number>();
    for await (const line of createInterface({ input: child.stdout! })) {
      seen.add(Number(line));
      // Lines that were on their way count too: the loop ends with the stream.
      if (seen.size === killAfter) child.kill('SIGKILL');
    }
    if (child.signalCode === null) await once(child, 'exit');
    t.equal(child.signalCode, 'SIGKILL');
    acknowledged += seen.size;

    const { rounds, rows } = await roundsOf(path, name);
    t.same(seen.difference(rounds), new Set(), `all ${seen.size} acknowledged puts are there`);
    t.equal(rows, rounds.size * 40, 'each put is there with all its rows');
    t.ok(rounds.size <= seen.size + 1, 'nothing is there that was not put');
  }
  t.ok((await counterOf(path)) >= acknowledged);
});

t.test('processes that open, create and write one file at once lose nothing', async (t) => {
  const path = join(t.testdir(), 'store.db');
  const names = ['one', 'two', 'three'];
  const children = names.map((name) => startWriter(path, name, 150, 3).on('error', t.fail));
  for (const child of children) child.stdout!.resume();
  const exits = await Promise.all(children.map((child) => once(child, 'exit')));
  t.same(
    exits.map(([code]) => code),
    [0, 0, 0],
  );
  for (const name of names) t.same(await roundsOf(path, name), { rounds: new Set(Array(150).keys()), rows: 450 });
  t.equal(await counterOf(path), 450);
});

const canTrace = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;
const noTrace = canTrace ? false : 'strace is missing or not allowed';

t.test('every put reaches the disk before it is acknowledged', { skip: noTrace }, async (t) => {
  const folder = t.testdir();
  const trace = join(folder, 'trace');
  const traced = ['-f', '-e', 'trace=fsync,fdatasync,write', '-o', trace, process.execPath];
  const child = spawn('strace', [...traced, WRITER, join(folder, 'store.db'), 'x', '20', '3'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout!.resume();
  t.same(await once(child, 'exit'), [0, null]);
  const calls = readFileSync(trace, 'utf8');
  // Between two acknowledged lines lie the sync of the put, one for all its rows, and that of the
  // counter.
  const rounds = calls.split(/write\(1, "\d+\\n"/).slice(0, 20);
  t.equal(rounds.length, 20);
  for (const round of rounds.slice(1)) t.equal(round.match(/f(data)?sync\(/g)?.length, 2);
});
