import { join } from 'node:path';
import t from 'tap';
import { openSqliteTables } from '../../collector/store/sqlite/sqlite-tables.ts';
import { initializeContract } from './stores/initialize.ts';
import { logicVersionsContract } from './stores/logic-versions.ts';
import { storesContract } from './stores-contract.ts';

const folder = t.testdir();
const path = join(folder, 'store.db');
let stores = 0;

await storesContract(t, () => openSqliteTables({ path }));
await initializeContract(t, () => openSqliteTables({ path: join(folder, `fresh-${++stores}.db`) }));
await logicVersionsContract(t, () => openSqliteTables({ path: join(folder, `fresh-${++stores}.db`) }));
