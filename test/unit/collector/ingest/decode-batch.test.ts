import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import t from 'tap';
import { readBatch, readName } from '../../../../collector/ingest/decode-batch.ts';
import { crc32c } from '../../../../shared/crc32c.ts';
import { epoch, merchantId, terminalId } from '../../../../shared/ids.ts';
import { decodeAcks, encodeAcks } from '../../../../shared/wire/messages.ts';
import { batchOf, lossOf } from '../../../support/collector/batches.ts';

const SENDER = { merchant: merchantId('acme'), terminal: terminalId('till-1'), epoch: epoch('00000000000000bb') };
const NAMELESS = { stream: 'till-1.00000000000000bb', first: 0, last: 0, sum: 0 };

/** The batch with a byte changed, its header's checksum put right again. */
function altered(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = value;
  copy.writeUInt32BE(crc32c(copy, 0, 48), 48);
  return copy;
}

t.test('a batch goes by the epoch in its header, which may be an earlier one than the connection’s', async (t) => {
  const { bytes, header } = batchOf(5, 9);
  const name = { stream: 'till-1.00000000000000aa', first: 5, last: 9, sum: header.bodyCrc };
  t.match(readBatch(SENDER, bytes), { ok: true, name, events: 5 });
  t.same(readName(SENDER, bytes).name, name);
});

t.test('losses are read, too, and are no events', async (t) => {
  t.match(readBatch(SENDER, lossOf(1, 40).bytes), { ok: true, name: { first: 1, last: 40 }, events: 0 });
});

t.test('a loss record of more seqs than an agent puts into one is invalid', async (t) => {
  t.match(readBatch(SENDER, lossOf(1, 2 ** 24).bytes), { ok: true });
  t.match(readBatch(SENDER, lossOf(1, 2 ** 24 + 1).bytes), {
    ok: false,
    ack: { first: 1, last: 2 ** 24 + 1, result: 'invalid', reason: /send several records/ },
  });
});

t.test('a body that was damaged on its way is named by its header', async (t) => {
  const { bytes } = batchOf(1, 2);
  bytes[bytes.length - 1]! ^= 1;
  t.match(readBatch(SENDER, bytes), {
    ok: false,
    ack: { stream: 'till-1.00000000000000aa', first: 1, last: 2, result: 'damaged' },
  });
});

t.test('a header that can’t be trusted leaves zeros and the connection’s stream', async (t) => {
  const { bytes } = batchOf(1, 2);
  bytes[20]! ^= 1;
  t.match(readBatch(SENDER, bytes), { ok: false, ack: { ...NAMELESS, result: 'damaged' } });
  t.same(readName(SENDER, bytes).name, NAMELESS);
  t.match(readBatch(SENDER, new Uint8Array()), { ok: false, ack: { ...NAMELESS, result: 'damaged' } });
});

t.test('another version is unsupported, an impossible seq invalid', async (t) => {
  const { bytes } = batchOf(1, 2);
  t.match(readBatch(SENDER, altered(bytes, 2, 9)), { ok: false, ack: { first: 1, last: 2, result: 'unsupported' } });
  t.match(readBatch(SENDER, altered(bytes, 16, 0xff)), { ok: false, ack: { ...NAMELESS, result: 'invalid' } });
});

t.test('whatever comes, the answer is an ack that a till can read', async (t) => {
  const { bytes } = batchOf(1, 3);
  const mutations = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(mutations, fc.boolean(), (changes, repaired) => {
      let message: Buffer = Buffer.from(bytes);
      for (const [at, value] of changes) message[at] = value;
      if (repaired) message = altered(message, 0, message[0]!);
      const read = readBatch(SENDER, message);
      const acks = read.ok ? [{ ...read.name, result: 'stored' as const }] : [read.ack];
      return decodeAcks(encodeAcks({ acks, credit: 1, serverTime: 0, storeGen: '' })) !== null;
    }),
  );
  t.pass();
});
