import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { HighWaterFile, highWaterPath, readMarks } from '../../../../../agent/buffer/high-water/high-water-file.ts';
import { decodeMark, encodeMark, type HighWaterMark } from '../../../../../agent/buffer/high-water/high-water-mark.ts';
import { epoch } from '../../../../../shared/ids.ts';

// These bytes lie beside the buffers of tills: whatever changes here needs a new version of the slot.
// docs/formats/seq-file.md describes them.

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

const MARK: HighWaterMark = {
  epoch: epoch('9f3c0000000000a1'),
  lastSeq: 2 ** 32 + 41,
  settledThrough: 40,
  openedAt: 1_795_339_740_000,
  oldestHour: 498_705,
  newestHour: 498_706,
  unconfirmedFrom: 7,
  shipping: 'ahead',
};

const SLOT = bytes(`
  7473 01 02  0000000000000003  9f3c0000000000a1  0000000100000029  0000000000000028  000001a202966360
  00079c11 00079c12  0000000000000007  b4886475`);

t.test('a slot is these 64 bytes', async (t) => {
  t.equal(hex(encodeMark(MARK, 3)), hex(SLOT));
  t.strictSame(decodeMark(SLOT), { mark: MARK, serial: 3 });
});

t.test('the shipping state is one byte: free 0, held 1, ahead 2', async (t) => {
  const codes = (['free', 'held', 'ahead'] as const).map((shipping) => encodeMark({ ...MARK, shipping }, 3)[3]);
  t.strictSame(codes, [0, 1, 2]);
});

t.test('a slot with any bit changed is none', async (t) => {
  for (let at = 0; at < SLOT.length; at++) {
    const edited = Buffer.from(SLOT);
    edited[at]! ^= 1;
    t.equal(decodeMark(edited), null, `byte ${at}`);
  }
});

t.test('a file holds 256 pairs of slots, and each write of a mark takes the other slot of its pair', async (t) => {
  const path = `${t.testdir()}/buffer.db`;
  const other: HighWaterMark = { ...MARK, epoch: epoch('9f3c0000000000a2'), shipping: 'free' };
  const file = new HighWaterFile(path);
  file.put({ ...MARK, lastSeq: 1, settledThrough: 0 });
  file.put({ ...MARK, lastSeq: 2, settledThrough: 0 });
  file.put(other);
  file.put(MARK);
  file.close();

  const written = readFileSync(highWaterPath(path));
  t.equal(written.length, 256 * 2 * 64);
  const slot = (pair: number, of: 0 | 1): Buffer => written.subarray((2 * pair + of) * 64, (2 * pair + of + 1) * 64);
  t.equal(hex(slot(0, 0)), hex(encodeMark(MARK, 4)));
  t.equal(hex(slot(0, 1)), hex(encodeMark({ ...MARK, lastSeq: 2, settledThrough: 0 }, 2)));
  t.equal(hex(slot(1, 0)), hex(encodeMark(other, 3)));
  t.ok(
    written.subarray(3 * 64).every((byte) => byte === 0),
    'the rest is room',
  );
  t.strictSame(readMarks(path), [MARK, other]);
});
