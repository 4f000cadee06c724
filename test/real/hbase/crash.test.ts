import { randomBytes } from 'node:crypto';
import t from 'tap';
import { openHBaseTables } from '../../../collector/store/hbase/hbase-tables.ts';
import { StoreUnavailable, type Tables } from '../../../collector/store/tables.ts';
import { until } from '../../../scripts/processes/wait-until.ts';
import { ownHBase } from '../../support/real/hbase.ts';

const hbase = await ownHBase(t);
if (hbase !== null) {
  const { host, port } = hbase.running;
  const deadlines = { waitMs: 2_000, callMs: 20_000 };
  // One client for all that follows: it has to live through every crash.
  const tables = openHBaseTables({ host, port, connections: 4, namespace: 'crash', deadlines });
  t.teardown(() => tables.close());
  await tables.init();

  await t.test(
    'the gateway killed in the middle of calls: they reject at once, and all goes on when it is back',
    async (t) => {
      for (let round = 0; round < 3; round++) {
        const writers = keepWriting(tables, 8);
        await writers.acknowledged(200);
        await hbase.kill('gateway');
        const killed = performance.now();
        await writers.failed(8);
        const rejected = performance.now() - killed;
        t.ok(rejected < 5_000, `all eight writers knew within ${rejected.toFixed(0)} ms`);
        await hbase.restart();
        const before = writers.count();
        await writers.acknowledged(before + 200);
        const rows = await writers.stop();
        t.same(await missing(tables, rows), [], `${rows.length} acknowledged rows are there`);
        t.ok(writers.faults().every((fault) => fault instanceof StoreUnavailable));
      }
    },
  );

  await t.test('HBase killed in the middle of calls: what it acknowledged is there when it is back', async (t) => {
    for (let round = 0; round < 2; round++) {
      const writers = keepWriting(tables, 8);
      await writers.acknowledged(300);
      await hbase.kill('master');
      await writers.failed(8);
      await hbase.restart();
      const before = writers.count();
      await writers.acknowledged(before + 200);
      const rows = await writers.stop();
      t.same(await missing(tables, rows), [], `${rows.length} acknowledged rows are there`);
    }
  });

  await t.test('a gateway that hangs: calls end by their deadline, and all goes on when it wakes', async (t) => {
    const impatient = openHBaseTables({ host, port, connections: 2, namespace: 'crash', deadlines: { callMs: 500 } });
    t.teardown(() => impatient.close());
    const { pid } = await hbase.restart();
    await impatient.get('control', [Buffer.from('x')]);
    process.kill(pid, 'SIGSTOP');
    t.teardown(() => process.kill(pid, 'SIGCONT'));
    // Its threads stop one after the other: a call or two may still be answered.
    const fault = () =>
      impatient.get('control', [Buffer.from('x')]).then(
        () => null,
        (error: unknown) => error,
      );
    t.match(await until(fault, { what: 'a call to end without an answer', deadlineMs: 10_000 }), {
      name: 'StoreUnavailable',
      cause: { name: 'DeadlineMissed' },
    });
    process.kill(pid, 'SIGCONT');
    await t.resolves(eventually(() => impatient.get('control', [Buffer.from('x')])));
  });
}

/** Writers that put rows of their own without pause, whatever happens, and remember what was acknowledged. */
function keepWriting(tables: Tables, count: number) {
  const rows: Buffer[] = [];
  const faults: unknown[] = [];
  const failures = new Set<number>();
  let writing = true;
  let wake = Promise.withResolvers<void>();
  const changed = () => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const write = async (writer: number) => {
    while (writing) {
      const group = Array.from({ length: 5 }, () => ({
        row: randomBytes(16),
        cells: new Map([['b:d', randomBytes(300)] as const]),
      }));
      try {
        await tables.put('events', group);
        rows.push(...group.map(({ row }) => row));
      } catch (fault) {
        faults.push(fault);
        failures.add(writer);
      }
      changed();
    }
  };
  const all = Promise.all(Array.from({ length: count }, (_, writer) => write(writer)));
  const until = async (holds: () => boolean) => {
    while (!holds()) await wake.promise;
  };
  return {
    count: () => rows.length,
    faults: () => faults,
    acknowledged: (least: number) => until(() => rows.length >= least),
    /** Resolves when so many writers have met a failure. */
    failed: (least: number) => until(() => failures.size >= least),
    async stop(): Promise<Buffer[]> {
      writing = false;
      await all;
      return rows;
    },
  };
}

async function missing(tables: Tables, rows: readonly Buffer[]): Promise<string[]> {
  const got = await eventually(() => tables.get('events', rows));
  return rows.filter((_, i) => got[i] === null).map((row) => row.toString('hex'));
}

/** The first answer that is not a failure. */
async function eventually<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    const answer = await ask().catch((fault: unknown) =>
      fault instanceof StoreUnavailable ? fault : Promise.reject(fault),
    );
    if (!(answer instanceof StoreUnavailable)) return answer;
  }
}
