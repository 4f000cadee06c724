/**
 * The path of a till's status into the store. Decoding it takes the terminal's turn
 * (`admission/decode-turns.ts`); of a terminal's statuses that wait only the last is decoded, and
 * one that finds no room is dropped, since the next one says the same.
 */
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import { decodeStatus } from '../../../shared/wire/messages.ts';
import type { TerminalStatus } from '../../store/terminals.ts';
import type { DecodeTurns } from '../admission/decode-turns.ts';
import type { Place, Room } from '../admission/room.ts';
import type { StatusMetrics, StatusWriter } from './status-writer.ts';

export interface StatusIntakeOptions {
  readonly turns: DecodeTurns;
  readonly room: Room;
  readonly writer: StatusWriter;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly metrics: StatusMetrics;
}

interface Teller {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
}

interface Received {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly place: Place;
}

export class StatusIntake {
  readonly #options: StatusIntakeOptions;
  /** The last status of each terminal that waits for its turn. */
  readonly #waiting = new Map<string, Received>();

  constructor(options: StatusIntakeOptions) {
    this.#options = options;
  }

  /** @param bytes not changed later */
  take({ merchant, terminal }: Teller, bytes: Uint8Array): void {
    const { turns, room, now, metrics } = this.#options;
    const name = `${merchant}/${terminal}`;
    const place = room.take({ merchant, terminal }, bytes.length);
    if (typeof place === 'string') {
      metrics.statuses('dropped', 1);
      return;
    }
    const before = this.#waiting.get(name);
    this.#waiting.set(name, { bytes, at: now(), place });
    if (before !== undefined) room.release(before.place);
    else void turns.run({ merchant, terminal }, () => this.#decode({ merchant, terminal }));
  }

  #decode({ merchant, terminal }: Teller): void {
    const { room, writer, metrics } = this.#options;
    const name = `${merchant}/${terminal}`;
    const received = this.#waiting.get(name);
    if (received === undefined) return;
    this.#waiting.delete(name);
    room.release(received.place);
    const status = decodeStatus(received.bytes);
    if (status === null) {
      metrics.statuses('unreadable', 1);
      return;
    }
    // Field by field: a status may contain keys that this version does not know.
    const { version, epochs, clearThrough, losses, bufferBytes, clockOffsetMs } = status;
    const common = {
      ...{ merchant, terminal, lastSeen: received.at },
      ...{ version, clearThrough, losses, bufferBytes, clockOffsetMs },
    };
    writer.enqueue(
      merchant,
      terminal,
      epochs.map(({ epoch, lastSeq, pending }) => ({
        ...common,
        epoch: epoch as TerminalStatus['epoch'],
        lastSeq,
        pending,
      })),
    );
  }
}
