/** Contract of roll-ups that would cost too much, on any store: parked, folded, and told. */
import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { attemptsContract } from './attempts.ts';
import { parkedContract } from './parked.ts';
import { truncatedContract } from './truncated.ts';

export async function boundsContract(t: Test, open: () => Promise<Tables>): Promise<void> {
  const tables = await open();
  try {
    await tables.init();
    await t.test('parked hours', (t) => parkedContract(t, tables));
    await t.test('attempts', (t) => attemptsContract(t, tables));
    await t.test('truncated', (t) => truncatedContract(t, tables));
  } finally {
    await tables.close();
  }
}
