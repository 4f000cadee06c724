import { join } from 'node:path';
import t from 'tap';
import { openSqliteTables } from '../../collector/store/sqlite/sqlite-tables.ts';
import { ingestContract } from './ingest-contract.ts';
import { wrongClockContract } from './wrong-clock-contract.ts';

const path = join(t.testdir(), 'store.db');

await ingestContract(t, () => openSqliteTables({ path }));
await wrongClockContract(t, () => openSqliteTables({ path }));
