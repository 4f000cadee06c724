import t from 'tap';
import { epoch, isId, merchantId, parseStreamId, storeId, streamId, terminalId } from '../../../shared/ids.ts';

const GOOD = ['a', '0', 'a-b', 'a_b', 'till-1', '0-_', 'z'.repeat(64)];
const BAD = ['', '-a', '_a', 'A', 'a.b', 'a/b', 'a+', '#', 'a b', 'a\0', 'a\n', 'é', 'z'.repeat(65)];

t.test('an id is 1 to 64 of a-z, 0-9, hyphen and underscore, beginning with a letter or digit', async (t) => {
  for (const text of GOOD) {
    t.equal(isId(text), true, JSON.stringify(text));
    for (const parse of [merchantId, storeId, terminalId]) t.equal(parse(text), text);
  }
  for (const text of BAD) {
    t.equal(isId(text), false, JSON.stringify(text));
    for (const parse of [merchantId, storeId, terminalId]) t.throws(() => parse(text), TypeError);
  }
});

t.test('what is no text is no id, also when its name would be one', async (t) => {
  for (const value of [undefined, null, true, 1, ['a']]) {
    t.equal(isId(value), false);
    t.throws(() => merchantId(value as unknown as string), TypeError);
    t.throws(() => epoch(value as unknown as string), TypeError);
  }
});

t.test('an error names the kind of id and shows the head of what was given', async (t) => {
  t.throws(() => terminalId('Till 1'), { message: /terminal id .*"Till 1"/ });
  t.throws(() => merchantId('X'.repeat(1000)), { message: /"X{80}"$/ });
});

t.test('an epoch is 16 lower-case hex digits', async (t) => {
  t.equal(epoch('0123456789abcdef'), '0123456789abcdef');
  for (const text of ['', '0123456789abcde', '0123456789abcdef0', '0123456789ABCDEF', '0123456789abcdeg']) {
    t.throws(() => epoch(text), TypeError, text);
  }
});

t.test('a stream id is taken apart into what it was made of', async (t) => {
  const stream = streamId(terminalId('till-1'), epoch('9f3c000000000001'));
  t.equal(stream, 'till-1.9f3c000000000001');
  t.strictSame(parseStreamId(stream), { terminal: 'till-1', epoch: '9f3c000000000001' });
  for (const text of [
    '',
    '.',
    'till-1',
    'till-1.',
    '.9f3c000000000001',
    'a.b.9f3c000000000001',
    'till-1.9F3C000000000001',
  ]) {
    t.throws(() => parseStreamId(text), TypeError, text);
  }
});
