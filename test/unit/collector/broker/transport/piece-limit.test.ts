import t from 'tap';
import { PieceLimit } from '../../../../../collector/broker/transport/piece-limit.ts';

function limited() {
  const at = { ms: 5_000 };
  const pieces = new PieceLimit({ maxPieces: 1_024, piecesPerSecond: 32 }, () => at.ms);
  const taken = (count: number, everyMs: number): number => {
    for (let piece = 0; piece < count; piece++) {
      if (!pieces.take()) return piece;
      at.ms += everyMs;
    }
    return count;
  };
  return { pieces, taken };
}

t.test('a sale of 2,000 items over 200 bytes/s comes in pieces of 16 bytes, 13 a second', async (t) => {
  const { pieces, taken } = limited();
  t.equal(taken(2_000, 80), 2_000);
  t.equal(pieces.bytes, 976 * 256, 'and counts more memory than its bytes');
});

t.test('pieces that come fast have their bound, which begins anew with each packet', async (t) => {
  const { pieces, taken } = limited();
  t.equal(taken(5_000, 0), 1_024);
  pieces.ended();
  t.equal(pieces.bytes, 0);
  t.equal(taken(10_000, 10), 1_024 + 481);
});
