/** Building blocks of configuration schemas. A value carries a hint on how to correct it. */
import Type, { type TSchema } from 'typebox';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** An object accepts only the keys that it names. */
export const strictObject = { additionalProperties: false };

/** @param hint what to do, as text after a colon */
export const withHint = <T extends TSchema>(schema: T, hint: string): T => Object.assign(schema, { should: hint });

export const hintOf = (schema: TSchema | undefined): string | undefined =>
  (schema as { should?: string } | undefined)?.should;

/** @param what the file, with its article */
export const file = (what: string) => withHint(Type.String({ minLength: 1 }), `give the path of ${what}`);

/** An address to listen on, or to connect to. */
export const host = withHint(Type.String({ minLength: 1 }), 'give a name or an address, such as 127.0.0.1');

/** A port to listen on. */
export const port = withHint(
  Type.Integer({ minimum: 0, maximum: 65_535 }),
  'give a port from 1 to 65535, or 0 for a free one',
);

export const integer = (min: number, max: number) =>
  withHint(Type.Integer({ minimum: min, maximum: max }), `give a whole number from ${min} to ${max}`);

export const log = Type.Object(
  { level: Type.Optional(withHint(Type.Enum([...LOG_LEVELS]), `give one of ${LOG_LEVELS.join(', ')}`)) },
  strictObject,
);
