/** The restore drill on a real HBase of its own, which is lost with all its files. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import t from 'tap';
import { restoreDrill } from '../../../scripts/campaigns/restore-drill/restore-drill.ts';
import { ToolMissing } from '../../../scripts/hbase/tools.ts';

// Snapshots start a Java each.
t.setTimeout(1_800_000);

const IS_REQUIRED = process.env.CI === 'true' || process.env.TILLSTREAM_REAL === 'required';
/** The stand-in for HBase's shell is compiled as it is run. */
const hasCompiler = (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'javac')));

const WAYS = [
  { way: 'rows in a folder', snapshots: false, skip: false },
  {
    way: 'snapshots',
    snapshots: true,
    skip: hasCompiler ? false : 'needs a JDK (apt-get install openjdk-17-jdk-headless)',
  },
] as const;

for (const { way, snapshots, skip } of WAYS)
  t.test(`yesterday’s ${way} and what the tills still keep make every figure right again`, { skip }, async (t) => {
    const settings = {
      folder: t.testdir(),
      store: 'hbase',
      tills: 1,
      seed: 3,
      forgets: !snapshots,
      snapshots,
    } as const;
    try {
      const { steps, faults } = await restoreDrill(settings, () => undefined);
      for (const { step, seconds, detail } of steps) t.comment(`${seconds} s ${step}: ${detail}`);
      t.same(faults, []);
    } catch (fault) {
      if (IS_REQUIRED || !(fault instanceof ToolMissing)) throw fault;
      t.comment(`left out, for it needs a real HBase. ${fault.message}`);
    }
  });
