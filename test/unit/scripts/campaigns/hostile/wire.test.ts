/** The packets and batches of the campaign `hostile`: attacks that were malformed would attack nothing. */
import t from 'tap';
import { ITEM_BOMB_EVENTS, itemBomb } from '../../../../../scripts/campaigns/hostile/attacks/expanding-batches.ts';
import {
  collide,
  withFreeBytes,
  withLowerChecksums,
} from '../../../../../scripts/campaigns/hostile/attacks/rewriting.ts';
import { forge, oneSale, uncompressed } from '../../../../../scripts/campaigns/hostile/wire/forged-batch.ts';
import {
  PacketReader,
  PINGREQ,
  PUBLISH,
  publishPacket,
  readPublish,
} from '../../../../../scripts/campaigns/hostile/wire/mqtt-packets.ts';
import { crc32c } from '../../../../../shared/crc32c.ts';
import { decodeBatch } from '../../../../../shared/wire/batch.ts';
import { toEvents } from '../../../../../shared/wire/event-columns.ts';

/** What a collector reads in a batch of events. */
function eventsOf(bytes: Uint8Array): unknown {
  const decoded = decodeBatch(bytes);
  return decoded.ok && decoded.kind === 'events' ? toEvents(decoded.columns) : decoded;
}

const CLAIMS = { epoch: '00000000000000aa', firstSeq: 1, count: 1, hour: 490_000 };

t.test('an item bomb says 1.4 million items in a few hundred bytes', async (t) => {
  const { bytes, header } = forge(itemBomb(), { ...CLAIMS, count: ITEM_BOMB_EVENTS });
  t.ok(bytes.length < 300, `${bytes.length} bytes`);
  t.ok(header.unpackedLength > 4_000_000);
});

t.test('a forged sale is a sale that the collector reads', async (t) => {
  t.match(eventsOf(forge(oneSale(), CLAIMS).bytes), [{ type: 'sale', amount: 1, currency: 'INR' }]);
});

t.test('a sale of 1.00 is forged with the checksum of one of 500.00', async (t) => {
  const sold = withFreeBytes(50_000);
  const forged = collide(withFreeBytes(100), crc32c(sold));
  t.equal(crc32c(forged), crc32c(sold));
  t.match(eventsOf(forge(uncompressed(forged), CLAIMS).bytes), [{ amount: 100 }]);
});

t.test('sales are forged with lower checksums than that of one of 500.00', async (t) => {
  const crc = crc32c(withFreeBytes(50_000));
  const forged = withLowerChecksums(crc);
  t.ok(forged.length > 1);
  for (const bytes of forged) {
    t.ok(crc32c(bytes) < crc);
    t.match(decodeBatch(forge(uncompressed(bytes), CLAIMS).bytes), { ok: true });
  }
});

t.test('packets are found in a stream, however it is cut', async (t) => {
  const payload = Buffer.alloc(300, 7);
  const bytes = Buffer.concat([PINGREQ, publishPacket(513, 'till/1/a/b/batch', payload), PINGREQ]);
  for (const size of [1, 2, 7, bytes.length]) {
    const reader = new PacketReader();
    const packets = [];
    for (let at = 0; at < bytes.length; at += size) packets.push(...reader.push(bytes.subarray(at, at + size)));
    t.strictSame(
      packets.map(({ type }) => type),
      [12, PUBLISH, 12],
    );
    t.strictSame(readPublish(packets[1]!), { id: 513, payload });
  }
});
