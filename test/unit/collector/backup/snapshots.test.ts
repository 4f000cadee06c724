/** What is asked of HBase's own command. That it does what it is asked: `test/real/hbase/backup.test.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { HBaseCommand } from '../../../../collector/backup/snapshots/hbase-command.ts';
import {
  backUpSnapshots,
  restoreSnapshots,
  verifySnapshots,
} from '../../../../collector/backup/snapshots/snapshots.ts';
import { backupStore } from '../../../../collector/cli/backup.ts';
import { parseConfig } from '../../../../collector/config/collector-config.ts';
import { openTables } from '../../../../collector/main.ts';
import { DueMarks } from '../../../../collector/store/due-marks.ts';
import { initializeStore } from '../../../../collector/store/initialize-store.ts';
import { openSqliteTables } from '../../../../collector/store/sqlite/sqlite-tables.ts';
import { LOGIC } from '../../../support/collector/till-events.ts';

const ALIVE = new AbortController().signal;
const SILENT = () => undefined;
const OLD = '20261129T021500123Z';
const SET = '20261130T021500123Z';
const named = (set: string, tables = ['events', 'terminals', 'control']) =>
  tables.map((table) => `tillstream-shop-${table}-${set}`);

/** A command `hbase` that notes what it is asked, and answers as the script says. */
function commandOf(t: Test, script: string) {
  const folder = t.testdir();
  const [path, asked] = [join(folder, 'hbase'), join(folder, 'asked')];
  writeFileSync(path, `#!/bin/sh\necho "$@" >> '${asked}'\n${script}\n`, { mode: 0o755 });
  writeFileSync(asked, '');
  const place = {
    hbase: new HBaseCommand(path, ALIVE, SILENT),
    url: 'hdfs://far/away',
    namespace: 'shop',
    withoutChecksums: false,
  };
  return { folder, path, place, asked: () => readFileSync(asked, 'utf8').split('\n').slice(0, -1) };
}

const HELD = `
case "$*" in
  *-list-snapshots*) printf '${[...named(OLD), ...named(SET), ...named('20261201T021500123Z', ['events'])].join(' | \\n')}\\n' ;;
  *-snapshot*) echo "Name: $4"; echo '1 HFiles (1 in archive), total size 1000 (0.00%)' ;;
  shell*) cat >> "$0.shell" ;;
  *HBaseConfTool*) echo 'hdfs://here/hbase' ;;
esac`;

async function storeIn(t: Test, folder: string) {
  const tables = await openSqliteTables({ path: join(folder, 'store.db') });
  t.teardown(() => tables.close());
  await initializeStore(tables, LOGIC.dimensions, { storeGen: 'before', digestKey: new Uint8Array(16) });
  return tables;
}

t.test('a backup snapshots the raw log first, exports, and leaves none in the region', async (t) => {
  const { folder, path, place, asked } = commandOf(t, HELD);
  const tables = await storeIn(t, folder);
  const report = await backUpSnapshots(
    tables,
    { ...place, withoutChecksums: true },
    Date.UTC(2026, 10, 30, 2, 15, 0, 123),
  );
  t.match(report, { set: SET, bytes: 3_000 });
  const [events, terminals, control] = named(SET) as [string, string, string];
  t.same(asked().slice(0, 5), [
    'shell -n',
    ...[events, terminals, control].map(
      (name) => `snapshot export --snapshot ${name} --copy-to hdfs://far/away --no-checksum-verify`,
    ),
    'shell -n',
  ]);
  t.same(readFileSync(`${path}.shell`, 'utf8').split('\n').slice(0, -1), [
    ...['events', 'terminals', 'control'].map((table, i) => `snapshot 'shop:${table}', '${named(SET)[i]}'`),
    ...named(SET).map((name) => `delete_snapshot '${name}'`),
  ]);
});

t.test('a restore takes the newest complete set, or a certain one', async (t) => {
  const { folder, path, place, asked } = commandOf(t, HELD);
  const tables = await storeIn(t, folder);
  let nonces = 0;
  const marks = new DueMarks(tables, () => (++nonces).toString(16).padStart(16, '0'));
  const options = { marks, graceMs: 0, now: Date.now, signal: ALIVE, progress: () => undefined, generation: 'after' };
  t.match(await restoreSnapshots(tables, { ...place, namespace: 'other' }, options), { set: SET, hours: 0 });
  const [events] = named(SET);
  t.ok(
    asked().includes(
      `snapshot export --snapshot ${events} --copy-from hdfs://far/away --copy-to hdfs://here/hbase --overwrite`,
    ),
  );
  t.match(
    readFileSync(`${path}.shell`, 'utf8'),
    `create_namespace 'other'\nclone_snapshot '${events}', 'other:events'`,
  );
  t.match(await restoreSnapshots(tables, place, { ...options, set: OLD, generation: 'later' }), { set: OLD });
  await t.rejects(restoreSnapshots(tables, place, { ...options, set: '20261201T021500123Z' }), {
    name: 'BackupFailed',
    message: `there is no set 20261201T021500123Z in hdfs://far/away; there are: ${OLD}, ${SET}`,
  });
});

t.test('files that are missing are found', async (t) => {
  const bad = 'BAD SNAPSHOT: 2 hfile(s) and 0 log(s) missing.\\n              1 hfile(s) corrupted.';
  const { place } = commandOf(t, HELD.replace('1 HFiles', `'"$(printf '${bad}')"'\n0 HFiles`));
  const { faults } = await verifySnapshots(place);
  t.equal(faults.length, 3);
  t.equal(faults[0], `snapshot ${named(SET)[0]}: 2 files are missing, 1 are damaged`);
});

t.test('a command that fails, or is not there, is told', async (t) => {
  const { folder, place } = commandOf(t, 'echo the region is gone >&2; exit 3');
  const tables = await storeIn(t, folder);
  await t.rejects(backUpSnapshots(tables, place, 0), { name: 'BackupFailed', message: /failed:\nthe region is gone/ });
  const hbase = new HBaseCommand(join(folder, 'nothing'), ALIVE, SILENT);
  await t.rejects(verifySnapshots({ ...place, hbase }), { message: /is not there: name HBase's own command/ });
  const stop = new AbortController();
  const running = new HBaseCommand(commandOf(t, 'exec sleep 60').path, stop.signal, SILENT).run([]);
  stop.abort(new Error('stopped'));
  await t.rejects(running, { message: 'stopped' });
});

t.test('snapshots are for HBase, and go to a URL', async (t) => {
  const run = (store: object, to: string) => {
    const parsed = parseConfig({ store });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
    return backupStore.run({ config: parsed.config, given: { snapshots: true, to }, openTables, now: Date.now });
  };
  await t.rejects(run({ kind: 'sqlite', path: 'x.db' }, 'file:///x'), { name: 'UsageError', message: /is not HBase/ });
  await t.rejects(run({ kind: 'hbase', port: 1 }, '/x'), { name: 'UsageError', message: /give a URL/ });
});
