import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { type DueMark, DueMarks, type NewDueMark } from '../../../collector/store/due-marks.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { type TerminalId, terminalId } from '../../../shared/ids.ts';
import { salt } from '../../../shared/keys.ts';
import { freshMerchant } from '../../support/region/fresh.ts';

export async function dueMarksContract(t: Test, tables: Tables): Promise<void> {
  const marks = new DueMarks(tables, () => randomBytes(8).toString('hex'));
  const merchant = freshMerchant();
  const mark = (minute: number, rest: Partial<NewDueMark> = {}): NewDueMark => ({
    ...{ minute, merchant, level: 'hour', time: 7, terminals: ['a', 'b'] as TerminalId[] },
    ...rest,
  });
  const plain = ({ rowKey: _, ...rest }: DueMark): NewDueMark => rest;
  const through = async (minute: number, after?: DueMark): Promise<DueMark[]> => {
    const all = await Array.fromAsync(marks.due(salt(merchant), minute, after));
    return all.filter((mark) => mark.merchant === merchant);
  };
  const sent = [
    mark(100),
    mark(101, { level: 'day', time: 3 }),
    mark(102, { terminals: [terminalId('z')] }),
    mark(2 ** 31, { time: 2 ** 31 }),
  ];
  await marks.add(sent.toReversed());

  await t.test('marks are due with their minute, the earliest first', async (t) => {
    t.same((await through(102)).map(plain), sent.slice(0, 3));
    t.same((await through(101)).map(plain), sent.slice(0, 2));
    t.same(await through(99), []);
    t.same((await through(2 ** 32 - 2)).map(plain), sent);
  });

  await t.test('a list continues after a due mark', async (t) => {
    const [first, second] = await through(102);
    t.same((await through(102, first)).map(plain), sent.slice(1, 3));
    t.same((await through(101, second)).map(plain), []);
  });

  await t.test('marks of the same hour and minute are marks of their own', async (t) => {
    await marks.add([mark(50), mark(50)]);
    t.equal((await through(50)).length, 2);
  });

  await t.test('exactly the marks named are removed', async (t) => {
    const [one] = await through(50);
    await marks.remove([one!]);
    t.equal((await through(50)).length, 1);
    await marks.remove(await through(50));
    await marks.remove([one!]);
    t.same(await through(50), []);
    t.same((await through(102)).map(plain), sent.slice(0, 3));
  });

  await t.test('another salt has none of them', async (t) => {
    const others = await Array.fromAsync(marks.due((salt(merchant) + 1) % 256, 102));
    t.notOk(others.some((mark) => mark.merchant === merchant));
  });
}
