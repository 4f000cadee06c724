import { join } from 'node:path';
import t from 'tap';
import { openSqliteTables } from '../../collector/store/sqlite/sqlite-tables.ts';
import { ingestContract } from './ingest-contract.ts';

const path = join(t.testdir(), 'store.db');

await ingestContract(t, () => openSqliteTables({ path }));
