import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { MAX_EVENTS, MAX_WIRE_BYTES } from '../../../../shared/wire/batch.ts';
import { decodedBytes, maxDecodedBytes, maxUnpackedBytes } from '../../../../shared/wire/batch-bounds.ts';
import { pack, UNTRUSTED_MAX_OBJECTS } from '../../../../shared/wire/message-pack.ts';
import { sealed } from '../../../support/shared/seal-batch.ts';

/** As `decodeBatch` says. */
const MAX_MEBIBYTES = 64;
/** What does not compress: with it a batch may unpack to the most that any batch may. */
const padding = pack(randomBytes(MAX_WIRE_BYTES - 8 * 1024));
const MAX_UNPACKED_BYTES = maxUnpackedBytes(padding.length);

/** A column of the same bytes over and over, which make one value or several. */
function column(times: number, bytes: readonly number[], values = 1): Buffer {
  const head = Buffer.alloc(5, 0xdd);
  head.writeUInt32BE(times * values, 1);
  return Buffer.concat([head, Buffer.alloc(times * bytes.length, Buffer.from(bytes))]);
}

/** Columns of a sale, some of them replaced or added by their bytes. */
function body(replaced: Record<number, Uint8Array>): Buffer {
  const columns = [['sale'], 0, 0, 0, 0, null, null, null, null, null, 0, [], [], 0, [], [], []].map(pack);
  for (const [at, bytes] of Object.entries(replaced)) columns[Number(at)] = bytes;
  return Buffer.concat([Buffer.of(0xdc, 0, columns.length), ...columns]);
}

/** A further column that fills the batch. */
const filled = (bytes: readonly number[], values = 1): Buffer =>
  body({
    17: column(Math.floor((MAX_UNPACKED_BYTES - padding.length - 100) / bytes.length), bytes, values),
    18: padding,
  });

const eachEvent = decodedBytes({ events: 1, items: 0, dims: 0, attrs: 0 });
const itemsAnEvent = Math.floor((maxDecodedBytes(padding.length) / MAX_EVENTS - eachEvent) / 64);
const items = itemsAnEvent * MAX_EVENTS;

/** Items with totals, the numbers given by their bytes; as many an event. */
const receiptLines = (lines: number, number: readonly number[]): Buffer =>
  body({
    13: pack(lines),
    14: column(lines * MAX_EVENTS, [0]),
    ...Object.fromEntries([15, 16, 17].map((at) => [at, column(lines * MAX_EVENTS, number)])),
    18: padding,
  });
/** 2^32, which is no small integer, as a float. */
const LARGE = [0xca, 0x4f, 0x80, 0, 0];
const largeLinesAnEvent = Math.floor((MAX_UNPACKED_BYTES - padding.length) / (1 + 3 * LARGE.length) / MAX_EVENTS);

const EXPENSIVE: Record<string, { plain: Buffer; count?: number; receiptLines?: boolean; ok: boolean }> = {
  'as many items as fit': {
    plain: body({
      13: pack(itemsAnEvent),
      14: column(items, [0]),
      15: column(items, [1]),
      16: column(items, [0]),
      17: padding,
    }),
    count: MAX_EVENTS,
    ok: true,
  },
  'as many lines of receipts as fit': {
    plain: receiptLines(itemsAnEvent, [0xff]),
    count: MAX_EVENTS,
    receiptLines: true,
    ok: true,
  },
  'lines of receipts with large numbers': {
    plain: receiptLines(largeLinesAnEvent, LARGE),
    count: MAX_EVENTS,
    receiptLines: true,
    ok: true,
  },
  'small numbers': { plain: filled([1]), ok: true },
  'short texts': { plain: filled([0xa2, 0x61, 0x62]), ok: true },
  'floats and nothing by turns': { plain: filled([0xca, 1, 2, 3, 4, 0xc0], 2), ok: true },
  'as many maps as are taken': {
    plain: body({ 17: column((UNTRUSTED_MAX_OBJECTS - 20) / 2, [0x81, 0, 0]) }),
    ok: true,
  },
  'empty arrays': { plain: filled([0x90]), ok: false },
  'empty maps': { plain: filled([0x80]), ok: false },
  'empty byte strings': { plain: filled([0xc4, 0]), ok: false },
};

for (const [what, { plain, count = 1, receiptLines = false, ok }] of Object.entries(EXPENSIVE)) {
  t.test(`a batch full of ${what} takes less than ${MAX_MEBIBYTES} MiB and five seconds`, async (t) => {
    const message = sealed(plain, { count, receiptLines, codec: 'zstd' });
    t.ok(plain.length <= MAX_UNPACKED_BYTES && message.length <= MAX_WIRE_BYTES, `${message.length} bytes on the wire`);
    const script = fileURLToPath(new URL('../../../support/shared/decode-and-measure.ts', import.meta.url));
    const child = spawnSync(process.execPath, [script], { input: message, env: {}, encoding: 'utf8' });
    const took = JSON.parse(child.stdout) as { ok: boolean; detail: string | null; mebibytes: number; ms: number };
    t.equal(took.ok, ok, took.detail ?? 'decoded');
    t.ok(took.mebibytes < MAX_MEBIBYTES, `${took.mebibytes.toFixed(0)} MiB`);
    t.ok(took.ms < 5_000, `${took.ms.toFixed(0)} ms`);
  });
}
