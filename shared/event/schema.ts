/**
 * The schema of an event that a till posts, as JSON Schema: the parser checks it, the API's
 * description shows it.
 */
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from '../ids.ts';

/** 10^12 minor units. */
export const MAX_MONEY = 1_000_000_000_000;
/** 10^9 pieces; their thousandths stay exact. */
export const MAX_QTY = 1_000_000_000;
export const MAX_DIMS = 16;
export const MAX_ITEMS = 2_000;
/** Code points of a ref, a sku or a dimension's value. */
export const MAX_TEXT = 64;
/** Bytes of JSON. */
export const MAX_ATTRS_BYTES = 4 * 1024;
/** Bytes of JSON. */
export const MAX_EVENT_BYTES = 256 * 1024;

export const EVENT_TYPE_PATTERN = '^[a-z][a-z0-9_.]{0,31}$';
export const CURRENCY_PATTERN = '^[A-Z]{3}$';
export const DIMENSION_KEY_PATTERN = '^[a-z][a-z0-9_]{0,31}$';

export const TillItemSchema = Type.Object(
  {
    sku: Type.String({ maxLength: MAX_TEXT }),
    qty: Type.Number({
      minimum: -MAX_QTY,
      maximum: MAX_QTY,
      description: 'Pieces, up to three decimals; negative: returned within a sale; 0: voided, counts nothing.',
    }),
    price: Type.Optional(
      Type.Integer({
        minimum: -MAX_MONEY,
        maximum: MAX_MONEY,
        description: 'Minor units a piece; negative: a discount. Required without an amount.',
      }),
    ),
    amount: Type.Optional(
      Type.Integer({
        minimum: -MAX_MONEY,
        maximum: MAX_MONEY,
        description: "The line's total in minor units, in place of qty × price.",
      }),
    ),
  },
  { additionalProperties: false },
);

export const TillEventSchema = Type.Object(
  {
    type: Type.String({ pattern: EVENT_TYPE_PATTERN }),
    ts: Type.Optional(
      Type.Union([Type.String({ maxLength: 64 }), Type.Integer()], {
        description: 'ISO 8601 with an offset, or milliseconds since 1970; the time of acceptance when left out.',
      }),
    ),
    amount: Type.Optional(
      Type.Integer({ minimum: 0, maximum: MAX_MONEY, description: 'Minor units; positive for a refund too.' }),
    ),
    currency: Type.Optional(
      Type.String({ pattern: CURRENCY_PATTERN, description: 'ISO 4217; required with an amount.' }),
    ),
    ref: Type.Optional(
      Type.String({ minLength: 1, maxLength: MAX_TEXT, description: "The till's own id: makes a repeat safe." }),
    ),
    dims: Type.Optional(
      Type.Intersect([
        Type.Record(Type.String({ pattern: DIMENSION_KEY_PATTERN }), Type.String({ maxLength: MAX_TEXT }), {
          additionalProperties: false,
          maxProperties: MAX_DIMS,
        }),
        Type.Object({ store: Type.Optional(Type.String({ pattern: ID_PATTERN })) }),
      ]),
    ),
    items: Type.Optional(Type.Array(TillItemSchema, { maxItems: MAX_ITEMS })),
    attrs: Type.Optional(Type.Unknown({ description: 'Any JSON up to 4 KiB; kept, not aggregated.' })),
  },
  { additionalProperties: false },
);

export type TillEventInput = Static<typeof TillEventSchema>;
