/**
 * The port between the broker and the receiver of the tills' messages; `app/ingest-role.ts`
 * connects ingest to it.
 */
import type { Epoch, MerchantId, TerminalId } from '../../shared/ids.ts';
import type { Ack } from '../../shared/wire/messages.ts';

/** The sender of a message: as authenticated, and as given in its connection's client id. */
export interface Sender {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  /** Epoch of the connection; a batch may be of an earlier one. */
  readonly epoch: Epoch;
}

/** The generation of the store that a terminal is told. */
export interface StoreGeneration {
  readonly storeGen: string;
  /** The store lacks what it acknowledged to the terminal. */
  readonly lacks: boolean;
}

export interface Inbox {
  /** Resolves once the batch is durable, or refused; never rejects, and never hangs. */
  onBatch(sender: Sender, bytes: Uint8Array): Promise<Ack>;
  /**
   * A status that finds no room is dropped (null): the next one says the same. Never rejects, and
   * never hangs.
   */
  onStatus(sender: Sender, bytes: Uint8Array): Promise<StoreGeneration | null>;
  /** Factor on a till's window, 0 to 1, by the room that is left to its merchant now. */
  credit(sender: Sender): number;
}
