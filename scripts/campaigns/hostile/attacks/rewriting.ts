/** A till that changes its past: other content for a seq whose figure is published. */
import { crc32c } from '../../../../shared/crc32c.ts';
import { HOUR_MS } from '../../../../shared/time.ts';
import type { WireBatch } from '../../../../shared/wire/batch.ts';
import { pack } from '../../../../shared/wire/message-pack.ts';
import { forge, hourNow, saleColumns, uncompressed } from '../wire/forged-batch.ts';
import { randomEpoch } from '../wire/mqtt-session.ts';
import { type Attack, type AttackContext, NOTHING_BROKEN } from './attack.ts';
import { afterMinuteTurn, ask, openSession } from './sessions.ts';

const SOLD = 50_000;
const FORGED = 100;
/** A pass of the roll-up has ended by then. */
const PASS_MS = 6_000;
const FORGERIES = 8;
const FREE_BYTES = 4;
const HOURS_AGO = 60;

/** An extra column that the collector keeps and nobody reads, as the last bytes of the body. */
export function withFreeBytes(amount: number, free = 0): Buffer {
  const column = Buffer.alloc(FREE_BYTES);
  column.writeUInt32BE(free);
  return Buffer.from(pack(saleColumns(amount, column)));
}

/** Sales whose checksum is lower than `crc`: of two rows of one seq the lower key may win. */
export function withLowerChecksums(crc: number): Buffer[] {
  const found: Buffer[] = [];
  for (let free = 0; found.length < FORGERIES; free++) {
    const bytes = withFreeBytes(FORGED + found.length, free);
    if (crc32c(bytes) < crc) found.push(bytes);
  }
  return found;
}

/** The bytes with their last four changed so that their CRC-32C is `wanted`. */
export function collide(bytes: Buffer, wanted: number): Buffer {
  const forged = Buffer.from(bytes);
  const at = forged.length - FREE_BYTES;
  const plain = crc32c(forged);
  // CRC is linear over GF(2): what each free bit changes, reduced to one entry a leading bit.
  const basis = new Map<number, { readonly change: number; readonly bits: number }>();
  for (let bit = 0; bit < 8 * FREE_BYTES; bit++) {
    const flipped = Buffer.from(forged);
    flipped[at + (bit >> 3)]! ^= 1 << (bit & 7);
    const reduced = reduce(basis, (crc32c(flipped) ^ plain) >>> 0, (1 << bit) >>> 0);
    if (reduced.change !== 0) basis.set(Math.clz32(reduced.change), reduced);
  }
  const { change, bits } = reduce(basis, (wanted ^ plain) >>> 0, 0);
  if (change !== 0) throw new Error('no four bytes bring the checksum about');
  forged.writeUInt32LE((forged.readUInt32LE(at) ^ bits) >>> 0, at);
  return forged;
}

function reduce(
  basis: ReadonlyMap<number, { readonly change: number; readonly bits: number }>,
  change: number,
  bits: number,
): { change: number; bits: number } {
  const left = { change, bits };
  for (let leading = 0; leading < 32; leading++) {
    const entry = basis.get(leading);
    if (entry === undefined || Math.clz32(left.change) !== leading) continue;
    left.change = (left.change ^ entry.change) >>> 0;
    left.bits = (left.bits ^ entry.bits) >>> 0;
  }
  return left;
}

/** The published amount of the hour, minor units; null: not answered. */
async function amountOf(context: AttackContext, hour: number): Promise<number | null> {
  const range = {
    from: new Date(hour * HOUR_MS).toISOString(),
    to: new Date((hour + 1) * HOUR_MS).toISOString(),
  };
  const answer = await ask(context, 'metrics', { ...range, metrics: 'sales.amount', interval: 'total' });
  if (answer === null || answer.status !== 200) return null;
  const { series } = JSON.parse(answer.text) as { series: { points: Record<string, number>[] }[] };
  return series[0]?.points[0]?.['sales.amount'] ?? null;
}

/** Sends the sale, lets it be published, sends what is to replace it, and looks at the figure. */
async function rewrite(
  context: AttackContext,
  hour: number,
  { sale, after }: { readonly sale: WireBatch; readonly after: readonly WireBatch[] },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const session = await openSession(context);
  if (session === null) return ['the attacker was not let in'];
  if ((await session.send(sale))?.result !== 'stored') return ['a sale was not stored'];
  await afterMinuteTurn(PASS_MS, signal);
  const published = await amountOf(context, hour);
  if (published !== SOLD) return [`a sale of ${SOLD} is published as ${published}`];
  for (const forgery of after) await session.send(forgery);
  const atOnce = await amountOf(context, hour);
  await afterMinuteTurn(PASS_MS, signal);
  const later = await amountOf(context, hour);
  if (atOnce === SOLD && later === SOLD) return NOTHING_BROKEN;
  return [`a published sale of ${SOLD} was made ${atOnce} at once, ${later} after the next pass`];
}

const forgedChecksum: Attack = {
  name: 'forged-checksum',
  exploits: 'a sale of 1.00 whose CRC-32C is that of the published sale of 500.00, under the same seq',
  minuteTurns: 2,
  run(context, signal) {
    const hour = hourNow() - HOURS_AGO;
    const claims = { epoch: randomEpoch(), firstSeq: 1, count: 1, hour };
    const sale = forge(uncompressed(withFreeBytes(SOLD)), claims);
    const forged = collide(withFreeBytes(FORGED), sale.header.bodyCrc);
    return rewrite(context, hour, { sale, after: [forge(uncompressed(forged), claims)] }, signal);
  },
};

const sameSeqAgain: Attack = {
  name: 'same-seq-again',
  exploits: 'other content for a published seq, eight times with a lower checksum, then the first content again',
  minuteTurns: 2,
  run(context, signal) {
    const hour = hourNow() - HOURS_AGO - 1;
    const claims = { epoch: randomEpoch(), firstSeq: 1, count: 1, hour };
    const sale = forge(uncompressed(withFreeBytes(SOLD)), claims);
    const after = withLowerChecksums(sale.header.bodyCrc).map((bytes) => forge(uncompressed(bytes), claims));
    return rewrite(context, hour, { sale, after: [...after, sale] }, signal);
  },
};

export const REWRITING: readonly Attack[] = [forgedChecksum, sameSeqAgain];
