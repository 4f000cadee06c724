import { hash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { type Hash, sha256, sha256OfText } from '../../../../../collector/aggregation/hashes/sha-256.ts';
import { holds } from '../../../../support/shared/property.ts';

const textOf = ({ high, low }: Hash): string => [high, low].map((half) => half.toString(16).padStart(8, '0')).join('');

t.test('every length around the ends of blocks hashes as by the runtime', (t) => {
  for (let length = 0; length <= 600; length++) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 7 + length) & 0xff);
    t.equal(textOf(sha256(bytes)), hash('sha256', bytes).slice(0, 16));
    t.equal(textOf(sha256OfText('x'.repeat(length))), hash('sha256', 'x'.repeat(length)).slice(0, 16));
  }
  t.end();
});

holds(
  t,
  'any bytes and any text hash as by the runtime',
  fc.property(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: 'binary', maxLength: 200 }),
    (bytes, text) =>
      textOf(sha256(bytes)) === hash('sha256', bytes).slice(0, 16) &&
      textOf(sha256OfText(text)) === hash('sha256', text).slice(0, 16),
  ),
);
