import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { openHBaseTables } from '../../../collector/store/hbase/hbase-tables.ts';
import { ownHBase } from '../../support/real/hbase.ts';

const hbase = await ownHBase(t);
if (hbase !== null) {
  const { dir } = hbase.running;
  const script = join(import.meta.dirname, '..', '..', '..', 'scripts', 'hbase', 'main.ts');
  const run = (command: string) => {
    const args = [script, command, '--json', '--dir', dir];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    return { status, stderr, document: stdout === '' ? null : JSON.parse(stdout) };
  };

  await t.test('status finds what another process started, and a second start changes nothing', async (t) => {
    t.same([run('status').status, run('status').document], [0, hbase.running]);
    t.same([run('start').status, run('start').document], [0, hbase.running]);
  });

  await t.test('stopped and started again, ports and data are the same', async (t) => {
    const { host, port } = hbase.running;
    const row = Buffer.from('kept');
    const before = openHBaseTables({ host, port });
    await before.init();
    await before.put('control', [{ row, cells: new Map([['m:a', row]]) }]);
    await before.close();

    t.same(run('stop').document, { stopped: true, dir });
    t.same([run('status').status, run('status').document], [1, { running: false, dir }]);
    const again = run('start');
    t.match(again.document, { host, port, dir });
    t.not(again.document.pid, hbase.running.pid);

    const after = openHBaseTables({ host, port });
    t.same((await after.get('control', [row]))[0]?.cells.get('m:a'), row);
    await after.close();
  });

  await t.test('a port that another program took meanwhile is named', async (t) => {
    const { port } = hbase.running;
    await hbase.kill('gateway');
    const other = createServer().listen(port, '127.0.0.1');
    await once(other, 'listening');
    t.teardown(() => other.close());
    t.match(run('start'), {
      status: 1,
      document: null,
      stderr: new RegExp(`port ${port} is taken by another program`),
    });
  });
}
