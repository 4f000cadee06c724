/**
 * The two small messages besides the batch: the collector's ack and the agent's status. MessagePack
 * maps; unknown keys are ignored.
 */
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { KIND } from '../keys.ts';
import { pack, UNTRUSTED_MAX_OBJECTS, unpack } from './message-pack.ts';

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Stream = Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,63}\\.[0-9a-f]{16}$' });

const AckSchema = Type.Object({
  /** `{terminal}.{epoch}` */
  stream: Stream,
  /** First and last seq of the batch sent. */
  first: Count,
  last: Count,
  /** The header's bodyCrc: identifies the bytes. */
  sum: Count,
  result: Type.Union([
    /** Durable, with its due mark. */
    Type.Literal('stored'),
    /** Decoded and refused: halve it and resend; a single event is quarantined. */
    Type.Literal('invalid'),
    /** A checksum did not match: resend. */
    Type.Literal('damaged'),
    /** Version, codec or dictionary unknown here: keep it, fall back. */
    Type.Literal('unsupported'),
    /** Not stored now: wait, with jitter, and resend. */
    Type.Literal('busy'),
  ]),
  reason: Type.Optional(Type.String()),
  retryAfterMs: Type.Optional(Count),
});
export type Ack = Static<typeof AckSchema>;

const AckEnvelopeSchema = Type.Object({
  acks: Type.Array(AckSchema),
  /** Factor on the agent's window, 0 to 1. */
  credit: Type.Number({ minimum: 0, maximum: 1 }),
  /** The collector's clock, milliseconds since 1970; 0 while it cannot be trusted. */
  serverTime: Count,
  /**
   * Changes when the store was restored from a backup, or was found to lack what this terminal says
   * that it acknowledged.
   */
  storeGen: Type.String(),
});
export type AckEnvelope = Static<typeof AckEnvelopeSchema>;

/** Most entries of `Status.ackedThrough`, and of `Status.closed`. */
export const MAX_ACKED_RUNS = 16;
export const MAX_CLOSED_EPOCHS = 256;

/** Not 0: that is the registry's. */
const EpochSchema = Type.String({ pattern: '^(?!0{16})[0-9a-f]{16}$' });

/**
 * Seqs that were acknowledged: `[kind, epoch, hour, first, last]`. Kind and hour (since 1970) are
 * those of the batches, as in the keys of their rows.
 */
const AckedRunSchema = Type.Tuple([
  Type.Union([Type.Literal(KIND.losses), Type.Literal(KIND.events)]),
  EpochSchema,
  Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1 }),
  Count,
  Count,
]);
export type AckedRun = Static<typeof AckedRunSchema>;

const StatusSchema = Type.Object({
  /** Version of the agent. */
  version: Type.String({ maxLength: 64 }),
  /** Every epoch that still has pending events, and the open one. */
  epochs: Type.Array(
    Type.Object({
      epoch: EpochSchema,
      /** Highest seq assigned. */
      lastSeq: Count,
      /**
       * Pending seqs as closed ranges `[first, last]`, oldest first; at most 16, the last one
       * widened to cover the rest.
       */
      pending: Type.Array(Type.Tuple([Count, Count]), { maxItems: 16 }),
    }),
    { maxItems: 256 },
  ),
  /**
   * Epochs of which nothing is left to send and nothing more will come, each with its last seq; the
   * latest last. The open epoch is one of them when the agent signs off.
   */
  closed: Type.Optional(Type.Array(Type.Tuple([EpochSchema, Count]), { maxItems: MAX_CLOSED_EPOCHS })),
  /**
   * Low watermark: the agent holds nothing older than this, milliseconds since 1970; 0: unknown.
   */
  clearThrough: Count,
  /** Number of events lost so far. */
  losses: Count,
  /** Size of the buffer's files. */
  bufferBytes: Count,
  /** The collector's clock minus the agent's, as last measured; null before the first answer. */
  clockOffsetMs: Type.Union([Type.Integer(), Type.Null()]),
  /** The `storeGen` that the acks are of; left out: none was seen yet, or it is not known. */
  storeGen: Type.Optional(Type.String({ maxLength: 128 })),
  /** What was acknowledged last, as far as the agent still keeps it; the latest first. */
  ackedThrough: Type.Optional(Type.Array(AckedRunSchema, { maxItems: MAX_ACKED_RUNS })),
});
export type Status = Static<typeof StatusSchema>;

const ackEnvelope = Compile(AckEnvelopeSchema);
const status = Compile(StatusSchema);

export const encodeAcks = (envelope: AckEnvelope): Uint8Array => pack(envelope);
export const encodeStatus = (message: Status): Uint8Array => pack(message);

/** Null for anything but an ack envelope; never throws. */
export function decodeAcks(bytes: Uint8Array): AckEnvelope | null {
  const value = unpackOrNull(bytes);
  return ackEnvelope.Check(value) ? value : null;
}

/** Null for anything but a status; never throws. */
export function decodeStatus(bytes: Uint8Array): Status | null {
  const value = unpackOrNull(bytes);
  return status.Check(value) ? value : null;
}

function unpackOrNull(bytes: Uint8Array): unknown {
  try {
    return unpack(bytes, UNTRUSTED_MAX_OBJECTS);
  } catch {
    return null;
  }
}
