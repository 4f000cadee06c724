import { randomBytes } from 'node:crypto';
import t from 'tap';
import { keptPastContract } from '../contract/rollup/kept-past.ts';
import { sharedHBase } from '../support/real/hbase.ts';

const hbase = await sharedHBase(t);
if (hbase !== null) {
  const { host, port } = hbase;
  await keptPastContract(t, { kind: 'hbase', host, port, namespace: `test_${randomBytes(4).toString('hex')}` });
}
