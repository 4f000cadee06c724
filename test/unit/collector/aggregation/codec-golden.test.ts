import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import t from 'tap';
import { encodeArticles, encodePartial } from '../../../../collector/aggregation/codec.ts';
import { parseDigest } from '../../../../collector/aggregation/hashes/row-set-digest.ts';
import { RELEASED } from '../../../../collector/aggregation/message-pack/dictionaries/released.ts';
import { articlesCube, type PartialAggregate } from '../../../../collector/aggregation/partial.ts';
import { Views } from '../../../../collector/aggregation/views/views.ts';
import { runToEnd } from '../../../../shared/cooperative.ts';
import { contentOf, decodePartial, decodeView } from '../../../support/collector/decode-cells.ts';
import { articlesOf, figuresOf } from '../../../support/collector/figures-oracle.ts';
import { foldOf } from '../../../support/collector/raw-rows.ts';
import { HOUR, LOGIC, tillEvent } from '../../../support/collector/till-events.ts';

// These bytes are in the stores of others: a change needs a new format number, or a new logic version.
// docs/formats/store-keys.md describes them. Compressors may find other bytes, so what they hold is compared.

t.test('released dictionaries of cells are what they were', async (t) => {
  const sums = RELEASED.map(({ id, bytes }) => [id, bytes.length, createHash('sha256').update(bytes).digest('hex')]);
  t.strictSame(sums, [[101, 4_096, 'edcb389234a5a0d480f778e954f079efbd934bf5d6491da85728104048441a8f']]);
});

const BASE = HOUR * 4;
const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
const unpacked = (cell: Uint8Array): string => Buffer.from(contentOf(cell)).toString('hex');
const text = (value: string): string => (0xa0 + value.length).toString(16) + Buffer.from(value).toString('hex');

/** A sale in the hour's first slot, a refund in its second. */
function partial(): PartialAggregate {
  const part = foldOf([
    tillEvent({
      amount: 500,
      dims: { customer: 'u1', method: 'upi' },
      items: [{ sku: 'A1', qty: 2_000, price: 250 }],
    }),
    tillEvent({ type: 'refund', ts: (HOUR * 60 + 16) * 60_000 }),
  ]);
  Object.assign(part.tally, { digest: parseDigest('0123456789abcdef'), earliestArrival: 1_795_339_740_000 });
  return part;
}

/** What all figures have after the names of their groups. */
const MEASURES = `
  ${text('group')} 92 00 01  ${text('slot')} 92 00 01  ${text('overflow')} 00
  ${text('count')} 92 01 01  ${text('amount')} 92 cd01f4 64  ${text('quantity')} 92 cd07d0 00
  ${text('tickets')}   c40f 92 94 c3 cd01f4 cd01f4 92 cd01f4 01 c0
  ${text('customers')} c40c 92 91 cb4327704061b78578 c0`;

const ARTICLES = `
  87 ${text('keys')} 92 ${text('currency')} ${text('sku')}
     ${text('groups')} 91 92 ${text('GBP')} ${text('A1')}
     ${text('group')} 91 00  ${text('slot')} 91 00  ${text('overflow')} 00
     ${text('quantity')} 91 cd07d0  ${text('amount')} 91 ce0007a120`;

const PARTIAL = bytes(`
  94 01
  86 ${text('rows')} 01  ${text('digest')} ${text('0123456789abcdef')}
     ${text('earliestArrival')} cb427a202966360000
     ${text('events')} 02  ${text('conflicts')} 00  ${text('lost')} 00
  8a ${text('keys')} 95 ${['type', 'currency', 'store', 'method', 'cashier'].map(text).join('')}
     ${text('groups')} 92
       95 ${text('sale')} ${text('GBP')} c0 ${text('upi')} c0
       95 ${text('refund')} ${text('GBP')} c0 c0 c0
     ${MEASURES}
  c4${(bytes(ARTICLES).length).toString(16)} ${ARTICLES}`);

t.test('the partial of a terminal', async (t) => {
  t.equal(unpacked(runToEnd(encodePartial(partial(), BASE))), PARTIAL.toString('hex'));
  const read = runToEnd(decodePartial(zstdCompressSync(PARTIAL), BASE));
  t.strictSame(figuresOf(read), figuresOf(partial()));
  t.strictSame(articlesOf(read), articlesOf(partial()));
  t.strictSame(read.tally, partial().tally);
});

const TOTAL = bytes(`
  92 01 8a ${text('keys')} 92 ${text('type')} ${text('currency')}
    ${text('groups')} 92  92 ${text('sale')} ${text('GBP')}  92 ${text('refund')} ${text('GBP')}
    ${MEASURES}`);

t.test('the view of all, and the articles', async (t) => {
  const views = new Views(LOGIC);
  runToEnd(views.add(partial()));
  const { cells: encoded } = runToEnd(views.encode(BASE));
  t.strictSame([...encoded.keys()], ['total', 'store', 'method', 'cashier', 'articles']);
  t.equal(unpacked(encoded.get('total')!), TOTAL.toString('hex'));
  t.equal(unpacked(encoded.get('articles')!), bytes(`92 01 ${ARTICLES}`).toString('hex'));
  const read = decodeView(zstdCompressSync(TOTAL), BASE);
  t.strictSame(read.keys, ['type', 'currency']);
});

t.test('the view of all, packed with dictionary 101, read only', async (t) => {
  const golden = bytes(`
    28b52ffd2165a4250200930209f3160a4ef04d0571c0b43026eae3dfc7bf28c7476ab98fb5faf8c7b157f58c54f58cc4010bfca49d01e94d
    e7f60bae24c7a8977145a1209f0f7751f1f3c9ca0e80`);
  t.equal(unpacked(golden), TOTAL.toString('hex'));
});

t.test('the articles, packed before there was a dictionary, read only', async (t) => {
  const golden = bytes(`
    28b52ffd2059c90200920187a46b65797392a863757272656e6379a3736b75a667726f7570739192a3474250a24131a567726f75709100a4
    736c6f749100a86f766572666c6f7700a87175616e7469747991cd07d0a6616d6f756e7491ce0007a120`);
  t.equal(unpacked(golden), bytes(`92 01 ${ARTICLES}`).toString('hex'));
});

t.test('what bounds folded', async (t) => {
  const cube = articlesCube();
  cube.at(['GBP', 'A1'], BASE, () => ({ quantity: 2_000, amount: 500_000 }));
  cube.folded.add({ dimension: 'sku', hour: HOUR, values: 5, isPartial: true });
  const folded = ARTICLES.replace('87', '88').replace(
    `${text('overflow')} 00`,
    `${text('overflow')} 05 ${text('folded')} 91 94 01 00 05 c3`,
  );
  t.equal(unpacked(runToEnd(encodeArticles(cube, BASE))), bytes(`92 01 ${folded}`).toString('hex'));
});
