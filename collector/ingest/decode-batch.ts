/** Decodes a message into a batch that may be stored, or into the ack that refuses it. */
import { type Epoch, type MerchantId, streamId, type TerminalId } from '../../shared/ids.ts';
import { decodeBatch } from '../../shared/wire/batch.ts';
import { type BatchHeader, readHeader } from '../../shared/wire/header.ts';
import { MAX_LOSS_SEQS } from '../../shared/wire/loss.ts';
import type { Ack } from '../../shared/wire/messages.ts';

/** The sender, as in the broker's port. */
export interface Sender {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  readonly epoch: Epoch;
}

/** The fields by which an ack identifies a batch. */
export type BatchName = Pick<Ack, 'stream' | 'first' | 'last' | 'sum'>;

/** A batch without a trustworthy header is identified by the sender's stream and zeros. */
export function nameOf(sender: Sender, header: BatchHeader | null): BatchName {
  if (header === null) return { stream: streamId(sender.terminal, sender.epoch), first: 0, last: 0, sum: 0 };
  const { epoch, firstSeq, count, bodyCrc } = header;
  return { stream: streamId(sender.terminal, epoch), first: firstSeq, last: firstSeq + count - 1, sum: bodyCrc };
}

/** Identifies a batch without decoding its body; `header` is null when it is refused already. */
export function readName(
  sender: Sender,
  bytes: Uint8Array,
): { readonly name: BatchName; readonly header: BatchHeader | null } {
  const head = readHeader(bytes);
  return { name: nameOf(sender, nameable(head.header)), header: head.ok ? head.header : null };
}

export type ReadBatch =
  | { readonly ok: true; readonly header: BatchHeader; readonly name: BatchName; readonly events: number }
  | { readonly ok: false; readonly ack: Ack };

/** Decodes the whole batch, so that everything stored is readable. */
export function readBatch(sender: Sender, bytes: Uint8Array): ReadBatch {
  const batch = decodeBatch(bytes);
  if (batch.ok) {
    if (batch.kind === 'losses' && batch.header.count > MAX_LOSS_SEQS) {
      const reason = `${batch.header.count} lost seqs are more than ${MAX_LOSS_SEQS}: send several records`;
      return { ok: false, ack: { ...nameOf(sender, batch.header), result: 'invalid', reason } };
    }
    const events = batch.kind === 'events' ? batch.columns.count : 0;
    return { ok: true, header: batch.header, name: nameOf(sender, batch.header), events };
  }
  const header = nameable(batch.header);
  return { ok: false, ack: { ...nameOf(sender, header), result: batch.result, reason: batch.detail } };
}

/** An ack cannot express seqs outside the safe integers, or a batch without any. */
const nameable = (header: BatchHeader | null): BatchHeader | null =>
  header !== null && Number.isSafeInteger(header.firstSeq + header.count) && header.firstSeq + header.count >= 1
    ? header
    : null;

/**
 * Copies a payload that is a small part of a socket read, because it would keep the whole read in
 * memory.
 */
export const owned = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer.byteLength > 2 * bytes.length ? new Uint8Array(bytes) : bytes;
