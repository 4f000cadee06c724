/** The restore drill on a real HBase of its own, which is lost with all its files. */
import t from 'tap';
import { restoreDrill } from '../../../scripts/campaigns/restore-drill/restore-drill.ts';
import { ToolMissing } from '../../../scripts/hbase/tools.ts';

t.setTimeout(900_000);

t.test('yesterday’s backup and what the tills still keep make every figure right again', async (t) => {
  const settings = { folder: t.testdir(), store: 'hbase', tills: 1, seed: 3, forgets: true } as const;
  try {
    const { steps, faults } = await restoreDrill(settings, () => undefined);
    for (const { step, seconds, detail } of steps) t.comment(`${seconds} s ${step}: ${detail}`);
    t.same(faults, []);
  } catch (fault) {
    const required = process.env.CI === 'true' || process.env.TILLSTREAM_REAL === 'required';
    if (required || !(fault instanceof ToolMissing)) throw fault;
    t.comment(`left out, for it needs a real HBase. ${fault.message}`);
  }
});
