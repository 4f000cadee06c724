import t from 'tap';
import { limitedErrors } from '../../../../collector/app/limited-errors.ts';

t.test('of a flood of errors one a second is logged, with how many there were', async (t) => {
  const lines: unknown[] = [];
  let now = 0;
  const log = { error: (fields: object, message: string) => lines.push({ ...fields, message }) };
  const failed = limitedErrors(log as never, 'a request failed', () => now);
  const error = new Error('the store is away');
  for (; now < 2_000; now += 10) failed(error);
  failed(error);
  t.strictSame(lines, [
    { err: error, message: 'a request failed' },
    { err: error, suppressed: 99, message: 'a request failed' },
    { err: error, suppressed: 99, message: 'a request failed' },
  ]);
});
