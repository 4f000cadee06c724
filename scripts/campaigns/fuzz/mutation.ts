/** Seeded mutations of bytes and of JSON. */
import { Buffer } from 'node:buffer';
import { pick } from '../../simulate/random.ts';

export type Random = () => number;

export const below = (random: Random, end: number): number => Math.floor(random() * end);

/** Bytes that some parsers treat specially. */
const SPECIAL_BYTES = Buffer.from(
  '{}[]",:\\\r\n\t \0;=%&?#\x7f\xef\xbb\xbf\xff\xc0\xed\xa0\x80-+.eE0919^<>!*|`~\'()',
  'latin1',
);

/** Applies one to eight changes: sets, inserts, deletes or doubles bytes, or truncates the end. */
export function mutated(random: Random, given: Buffer): Buffer {
  let bytes = Buffer.from(given);
  for (let left = 1 + below(random, 8); left > 0; left--) {
    const at = below(random, bytes.length + 1);
    const length = 1 + below(random, Math.min(64, bytes.length + 1));
    const head = bytes.subarray(0, at);
    switch (below(random, 7)) {
      case 0:
        if (at < bytes.length) bytes[at] = below(random, 256);
        break;
      case 1:
        if (at < bytes.length) bytes[at]! ^= 1 << below(random, 8);
        break;
      case 2:
        bytes = Buffer.concat([head, Buffer.from([pick(random, [...SPECIAL_BYTES])]), bytes.subarray(at)]);
        break;
      case 3:
        bytes = Buffer.concat([head, bytes.subarray(at + length)]);
        break;
      case 4:
        bytes = Buffer.concat([head, bytes.subarray(at, at + length), bytes.subarray(at)]);
        break;
      case 5:
        bytes = Buffer.concat([
          head,
          Buffer.from(Array.from({ length }, () => below(random, 256))),
          bytes.subarray(at),
        ]);
        break;
      default:
        if (random() < 0.2) bytes = Buffer.from(head);
    }
  }
  return bytes;
}

/** JSON texts of values that have broken parsers. */
const NASTY: readonly string[] = [
  ...[
    'null',
    'true',
    '""',
    '[]',
    '{}',
    '0',
    '-0',
    '-1',
    '0.1',
    '1e400',
    '-1e400',
    '1e-400',
    '9007199254740993',
    '1e999999999',
  ],
  ...[
    '123456789012345678901234567890',
    '6205500000000000004',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\u0000"',
    '"\\u2028"',
    '"\ufeff"',
  ],
  ...[
    '"4111111111111111"',
    '4111111111111111',
    '{"__proto__":{"x":1}}',
    '{"constructor":{"prototype":{}}}',
    '{"toJSON":1}',
  ],
  ...[
    '"2026-11-22T09:30:00+05:30"',
    '"9999-99-99T99:99:99Z"',
    '"\u202e\u0661\u200b"',
    '"%B4111111111111111^A/B^2612?"',
  ],
];

export function nasty(random: Random): string {
  switch (below(random, 12)) {
    case 0:
      return `${'['.repeat(below(random, 200))}1${']'.repeat(below(random, 200))}`;
    case 1: {
      const depth = 1 + below(random, 100_000);
      return `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    }
    case 2:
      return `"${pick(random, ['x', '\\ud83d', 'é', '4 ', '\\n', '\u{1f600}'])}"`.replace(/(?<=").*(?=")/, (unit) =>
        unit.repeat(1 + below(random, 3_000)),
      );
    case 3:
      return `{${Array.from({ length: below(random, 300) }, (_, at) => `"k${at}":${at}`).join(',')}}`;
    case 4:
      return `[${Array.from({ length: below(random, 3_000) }, () => '1').join(',')}]`;
    case 5:
      return '9'.repeat(1 + below(random, 5_000));
    default:
      return pick(random, NASTY);
  }
}

/** The JSON text of a value with parts replaced, doubled, renamed or omitted. */
export function mutatedJson(random: Random, value: unknown, share = 0.15): string {
  if (random() < share) return nasty(random);
  if (Array.isArray(value)) return `[${value.map((part) => mutatedJson(random, part, share)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const parts = Object.entries(value).flatMap(([key, part]) => {
    if (random() < share / 4) return [];
    const name =
      random() < share / 4
        ? pick(random, ['__proto__', '', 'ref', 'a/b~c', '4111111111111111', key.toUpperCase()])
        : key;
    const entry = `${JSON.stringify(name)}:${mutatedJson(random, part, share)}`;
    return random() < share / 8 ? [entry, entry] : [entry];
  });
  return `{${parts.join(',')}}`;
}
