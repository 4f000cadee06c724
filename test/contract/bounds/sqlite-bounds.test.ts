import { join } from 'node:path';
import t from 'tap';
import { openSqliteTables } from '../../../collector/store/sqlite/sqlite-tables.ts';
import { boundsContract } from './contract.ts';

await boundsContract(t, () => openSqliteTables({ path: join(t.testdir(), 'store.db') }));
