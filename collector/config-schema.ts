/** The form of the configuration document, and words for what does not fit it. */
import Type, { type Static, type TObject, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Settings } from 'typebox/system';
import { DIMENSION_KEY_PATTERN } from '../shared/event/schema.ts';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const MAX_DIMENSIONS = 16;

const closed = { additionalProperties: false };
/** A value with the words that tell how to put it right. */
const told = <T extends TSchema>(schema: T, should: string): T => Object.assign(schema, { should });
const host = told(Type.String({ minLength: 1 }), 'give a name or an address, such as 127.0.0.1');
const port = told(Type.Integer({ minimum: 0, maximum: 65_535 }), 'give a port from 1 to 65535, or 0 for a free one');
const file = (what: string) => told(Type.String({ minLength: 1 }), `give the path of ${what}`);
const count = (min: number, max: number) =>
  told(Type.Integer({ minimum: min, maximum: max }), `give a whole number from ${min} to ${max}`);

const STORES = {
  sqlite: Type.Object({ kind: Type.Literal('sqlite'), path: file("the store's database file") }, closed),
  hbase: Type.Object(
    {
      kind: Type.Literal('hbase'),
      host: Type.Optional(host),
      port: Type.Optional(port),
      connections: Type.Optional(count(1, 256)),
      namespace: Type.Optional(
        told(Type.String({ pattern: '^[a-zA-Z0-9_]{1,64}$' }), 'give letters, digits and "_", at most 64'),
      ),
    },
    closed,
  ),
} as const;

const configSchema = <T extends TSchema>(store: T) =>
  Type.Object(
    {
      region: Type.Optional(told(Type.String({ minLength: 1, maxLength: 64 }), 'give a name of at most 64 characters')),
      store,
      mqtt: Type.Optional(
        Type.Object(
          {
            host: Type.Optional(host),
            port: Type.Optional(port),
            maxConnections: Type.Optional(count(1, 1_000_000)),
            tls: Type.Optional(
              Type.Object(
                {
                  key: file("the private key of the broker's certificate (PEM)"),
                  cert: file("the broker's certificate, with its chain (PEM)"),
                  ca: Type.Optional(Type.Unknown()),
                },
                closed,
              ),
            ),
            external: Type.Optional(Type.Unknown()),
          },
          closed,
        ),
      ),
      http: Type.Optional(Type.Object({ host: Type.Optional(host), port: Type.Optional(port) }, closed)),
      rollup: Type.Optional(
        Type.Object(
          {
            cron: Type.Optional(told(Type.String(), 'give a cron expression, such as "* * * * *"')),
            graceSeconds: Type.Optional(count(0, 86_400)),
          },
          closed,
        ),
      ),
      dimensions: Type.Optional(
        told(
          Type.Array(Type.String({ pattern: DIMENSION_KEY_PATTERN }), { maxItems: MAX_DIMENSIONS, uniqueItems: true }),
          `give a list of at most ${MAX_DIMENSIONS} different keys of dims: lower-case letters, digits and "_", such as [method, cashier]`,
        ),
      ),
      log: Type.Optional(
        Type.Object(
          {
            level: Type.Optional(told(Type.Enum([...LOG_LEVELS]), `give one of ${LOG_LEVELS.join(', ')}`)),
          },
          closed,
        ),
      ),
    },
    closed,
  );

const SCHEMAS = { sqlite: configSchema(STORES.sqlite), hbase: configSchema(STORES.hbase) } as const;
const CHECKERS = { sqlite: Compile(SCHEMAS.sqlite), hbase: Compile(SCHEMAS.hbase) } as const;
export type StoreKind = keyof typeof SCHEMAS;
export type ConfigInput = Static<(typeof SCHEMAS)[StoreKind]>;

export interface ConfigFault {
  /** JSON pointer (RFC 6901) into the document. */
  readonly pointer: string;
  /** What is wrong, and what to do. */
  readonly detail: string;
}

/** The checker stops at 8 errors by itself, and tells some faults twice. */
const MAX_ERRORS = 100;

function allErrors(kind: StoreKind, input: unknown): ReturnType<(typeof CHECKERS)[StoreKind]['Errors']> {
  const { maxErrors } = Settings.Get();
  Settings.Set({ maxErrors: MAX_ERRORS });
  try {
    return CHECKERS[kind].Errors(input);
  } finally {
    Settings.Set({ maxErrors });
  }
}

/** The part of the schema that a pointer leads to; an element of an array stands for its array. */
function schemaAt(schema: TSchema, pointer: string): (TSchema & { should?: string }) | undefined {
  let at: TSchema | undefined = schema;
  for (const key of pointer.split('/').slice(1)) {
    const { properties } = at as Partial<TObject>;
    if (properties === undefined) break;
    at = properties[key];
    if (at === undefined) return undefined;
  }
  return at;
}

/** Empty when the document fits. */
export function schemaFaults(kind: StoreKind, input: unknown): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const shouldAt = (pointer: string) => schemaAt(SCHEMAS[kind], pointer)?.should;
  for (const { instancePath: pointer, keyword, params, message } of allErrors(kind, input)) {
    // The checker tells an unknown key twice.
    if (keyword === 'additionalProperties') continue;
    if (keyword === 'required') {
      for (const key of (params as { requiredProperties: string[] }).requiredProperties) {
        const should = shouldAt(`${pointer}/${key}`);
        faults.push({
          pointer: `${pointer}/${key}`,
          detail: should === undefined ? 'is missing' : `is missing: ${should}`,
        });
      }
    } else if (keyword === 'boolean') {
      const parent = schemaAt(SCHEMAS[kind], pointer.slice(0, pointer.lastIndexOf('/'))) as TObject;
      faults.push({
        pointer,
        detail: `is not a known key; known here are ${Object.keys(parent.properties).join(', ')}`,
      });
    } else {
      const should = shouldAt(pointer);
      const wrong = keyword === 'enum' || keyword === 'pattern' ? 'is not a valid value' : message;
      faults.push({ pointer, detail: should === undefined ? wrong : `${wrong}: ${should}` });
    }
  }
  return faults;
}
