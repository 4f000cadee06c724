import fc from 'fast-check';
import type { Test } from 'tap';

/** A property as a subtest that fails with fast-check's counterexample and seed. */
export function holds<Values>(
  t: Test,
  sentence: string,
  property: fc.IProperty<Values>,
  parameters: fc.Parameters<Values> = {},
): void {
  t.test(sentence, async (t) => {
    const run = fc.check(property, parameters);
    t.notOk(run.failed, fc.defaultReportMessage(run) ?? `held in ${run.numRuns} runs`);
  });
}
