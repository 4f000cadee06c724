import { join } from 'node:path';
import t from 'tap';
import { openSqliteTables } from '../../../collector/store/sqlite/sqlite-tables.ts';
import { finalityContracts } from './contract.ts';

await finalityContracts(t, () => openSqliteTables({ path: join(t.testdir(), 'store.db') }));
