import { join } from 'node:path';
import t from 'tap';
import { openSqliteTables } from '../../../collector/store/sqlite/sqlite-tables.ts';
import { lateContract } from './contract.ts';

await lateContract(t, () => openSqliteTables({ path: join(t.testdir(), 'store.db') }));
