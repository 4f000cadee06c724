import { join } from 'node:path';
import t from 'tap';
import { openSqliteTables } from '../../collector/store/sqlite/sqlite-tables.ts';
import { liveHoursContract } from './live-hours-contract.ts';

const path = join(t.testdir(), 'store.db');

await liveHoursContract(t, () => openSqliteTables({ path }));
