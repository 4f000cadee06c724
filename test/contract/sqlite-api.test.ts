import { join } from 'node:path';
import t from 'tap';
import { openSqliteTables } from '../../collector/store/sqlite/sqlite-tables.ts';
import { apiContract } from './api-contract.ts';

const path = join(t.testdir(), 'store.db');

await apiContract(t, () => openSqliteTables({ path }));
