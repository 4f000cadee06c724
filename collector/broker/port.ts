/** The broker's joint with what takes the tills' messages: main.ts wires ingest to it. */
import type { Epoch, MerchantId, TerminalId } from '../../shared/ids.ts';
import type { Ack } from '../../shared/wire/messages.ts';

/** Who sent a message: as authenticated, and as its connection's client id says. */
export interface Sender {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  /** Of the connection; a batch may come from an earlier one. */
  readonly epoch: Epoch;
}

export interface Inbox {
  /** Resolves once the batch is durable, or refused; never rejects, and never hangs. */
  onBatch(sender: Sender, bytes: Uint8Array): Promise<Ack>;
  /** A status that can't be read or kept is dropped: the next one says the same. */
  onStatus(sender: Sender, bytes: Uint8Array): void;
  /** Factor on a till's window, 0 to 1: what there is room for now. */
  credit(): number;
}
