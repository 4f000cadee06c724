import fc from 'fast-check';
import t from 'tap';
import { nfc } from '../../../shared/nfc.ts';
import { holds } from '../../support/shared/property.ts';

t.test('no two characters below U+0300 compose', async (t) => {
  const all = Array.from({ length: 0x300 }, (_, code) => String.fromCharCode(code));
  t.same(
    all.filter((first) => {
      const pairs = all.map((second) => first + second).join('');
      return nfc(pairs) !== pairs || pairs.normalize('NFC') !== pairs;
    }),
    [],
  );
});

holds(
  t,
  'any text comes in NFC',
  fc.property(fc.string({ unit: 'binary' }), (text) => nfc(text) === text.normalize('NFC')),
);
