import { join } from 'node:path';
import t from 'tap';
import { openSqliteTables } from '../../collector/store/sqlite/sqlite-tables.ts';
import { tablesContract } from './tables-contract.ts';

const path = join(t.testdir(), 'a folder', 'that is not there yet', 'store.db');

await tablesContract(t, () => openSqliteTables({ path }));
