import { join } from 'node:path';
import t from 'tap';
import { keptPastContract } from '../../contract/rollup/kept-past.ts';
import { testDir } from '../../support/system/test-dir.ts';

await keptPastContract(t, { kind: 'sqlite', path: join(testDir(t), 'store.db') });
