import fc from 'fast-check';

/**
 * Any code point but halves of surrogate pairs, the short ones as often as the long: `fc.string({
 * unit: codePoint })`. Like fast-check's unit `binary`, which takes a second to set up.
 */
export const codePoint: fc.Arbitrary<string> = fc
  .oneof(fc.nat({ max: 0x7f }), fc.nat({ max: 0x7ff }), fc.nat({ max: 0xffff }), fc.nat({ max: 0x10ffff }))
  .map((point) => String.fromCodePoint(point))
  .filter((character) => character.isWellFormed());
