/**
 * MQTT's fixed header (3.1.1, section 2.2): type and flags in one byte, then the remaining length
 * in one to four bytes.
 */

/** Packet types, section 2.2.1. */
export const CONNECT = 1;
export const PUBLISH = 3;
export const PUBACK = 4;

const MAX_LENGTH_BYTES = 4;

export type FixedHeader =
  | {
      readonly kind: 'packet';
      readonly type: number;
      /** Bytes of the whole packet, including the fixed header. */
      readonly size: number;
    }
  | { readonly kind: 'incomplete' }
  /** The length does not end within four bytes [MQTT-2.2.3]. */
  | { readonly kind: 'malformed' };

const INCOMPLETE: FixedHeader = { kind: 'incomplete' };
const MALFORMED: FixedHeader = { kind: 'malformed' };

/** Reads the header of the packet that starts at `at`. */
export function readFixedHeader(bytes: Uint8Array, at: number): FixedHeader {
  let remaining = 0;
  for (let i = 0; i < MAX_LENGTH_BYTES; i++) {
    const byte = bytes[at + 1 + i];
    if (byte === undefined) return INCOMPLETE;
    remaining += (byte & 0x7f) * 128 ** i;
    if (byte < 0x80) return { kind: 'packet', type: bytes[at]! >> 4, size: 2 + i + remaining };
  }
  return MALFORMED;
}
