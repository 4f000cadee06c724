import { join } from 'node:path';
import t from 'tap';
import { openSqliteTables } from '../../collector/store/sqlite/sqlite-tables.ts';
import { storesContract } from './stores-contract.ts';

const path = join(t.testdir(), 'store.db');

await storesContract(t, () => openSqliteTables({ path }));
