import { join } from 'node:path';
import t from 'tap';
import { openSqliteTables } from '../../../collector/store/sqlite/sqlite-tables.ts';
import { backupContract } from './contract.ts';

const folder = t.testdir();
let stores = 0;

await backupContract(t, () => openSqliteTables({ path: join(folder, `store-${++stores}.db`) }));
