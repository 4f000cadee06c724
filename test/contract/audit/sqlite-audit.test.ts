import { join } from 'node:path';
import t from 'tap';
import { openSqliteTables } from '../../../collector/store/sqlite/sqlite-tables.ts';
import { auditContract } from './contract.ts';

const path = join(t.testdir(), 'store.db');

await auditContract(t, () => openSqliteTables({ path }));
