import { randomBytes } from 'node:crypto';
import t from 'tap';
import { openHBaseTables } from '../../../collector/store/hbase/hbase-tables.ts';
import { backupContract } from '../../contract/backup/contract.ts';
import { sharedHBase } from '../../support/real/hbase.ts';

const hbase = await sharedHBase(t);
if (hbase !== null) {
  t.setTimeout(900_000);
  const { host, port } = hbase;
  await backupContract(t, async () =>
    openHBaseTables({ host, port, namespace: `test_${randomBytes(4).toString('hex')}` }),
  );
}
