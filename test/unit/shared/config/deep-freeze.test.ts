import t from 'tap';
import { deepFreeze } from '../../../../shared/config/deep-freeze.ts';

t.test('nothing of a frozen value can be changed', async (t) => {
  const value = deepFreeze({ list: [{ a: 1 }], none: null });
  t.throws(() => Object.assign(value, { none: 1 }), TypeError);
  t.throws(() => value.list.push({ a: 2 }), TypeError);
  t.throws(() => Object.assign(value.list[0]!, { a: 2 }), TypeError);
});
