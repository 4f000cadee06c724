import { join } from 'node:path';
import t from 'tap';
import { openSqliteTables } from '../../collector/store/sqlite/sqlite-tables.ts';
import { rollupContract } from './rollup-contract.ts';

const path = join(t.testdir(), 'store.db');

await rollupContract(t, () => openSqliteTables({ path }));
