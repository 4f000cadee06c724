import { join } from 'node:path';
import t from 'tap';
import { openSqliteTables } from '../../../collector/store/sqlite/sqlite-tables.ts';
import { historyContract } from './contract.ts';

const path = join(t.testdir(), 'store.db');

await historyContract(t, () => openSqliteTables({ path }));
