/** What the agent's configuration file may hold, key by key, with the words that tell how to put each right. */
import Type, { type Static, type TObject, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { ID_PATTERN } from '../shared/ids.ts';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Below this the write-ahead log alone would take a large share of the budget. */
const MIN_BUFFER_BYTES = 16 * 1024 * 1024;

const closed = { additionalProperties: false };
/** A value with the words that tell how to put it right. */
const told = <T extends TSchema>(schema: T, should: string): T => Object.assign(schema, { should });
const id = (what: string) =>
  told(
    Type.String({ pattern: ID_PATTERN }),
    `give the ${what}'s id: lower-case letters, digits, "-" and "_", at most 64`,
  );
const file = (what: string) => told(Type.String({ minLength: 1 }), `give the path of ${what}`);

const ConfigSchema = Type.Object(
  {
    merchant: id('merchant'),
    terminal: id('terminal'),
    store: Type.Optional(id('store')),
    collector: Type.Object(
      {
        urls: told(
          Type.Array(Type.String(), { minItems: 1, maxItems: 16 }),
          'give a list such as [mqtts://collector.example:8883]',
        ),
        token: Type.Optional(told(Type.String({ minLength: 1 }), "give the terminal's token as a text")),
        tokenFile: Type.Optional(file("a file that holds the terminal's token")),
        tls: Type.Optional(
          Type.Object(
            {
              ca: Type.Optional(file('a PEM file of certificate authorities')),
              cert: Type.Optional(file("the agent's certificate (PEM)")),
              key: Type.Optional(file("the private key of the agent's certificate (PEM)")),
            },
            closed,
          ),
        ),
        allowPlaintext: Type.Optional(told(Type.Boolean(), 'give true or false')),
      },
      closed,
    ),
    buffer: Type.Object(
      {
        path: file("the buffer's database file"),
        maxBytes: Type.Optional(
          told(
            Type.Integer({ minimum: MIN_BUFFER_BYTES, maximum: 2 ** 44 }),
            `give a whole number of bytes from ${MIN_BUFFER_BYTES} (16 MiB) on`,
          ),
        ),
        minFreeBytes: Type.Optional(
          told(Type.Integer({ minimum: 0, maximum: 2 ** 50 }), 'give a whole number of bytes'),
        ),
        whenFull: Type.Optional(told(Type.Union([Type.Literal('reject'), Type.Literal('drop-oldest')]), 'give reject')),
        keepAckedHours: Type.Optional(
          told(Type.Number({ minimum: 0, maximum: 24 * 366 }), 'give a number of hours, 0 or more'),
        ),
      },
      closed,
    ),
    ingest: Type.Optional(
      Type.Object(
        {
          host: Type.Optional(
            told(Type.String({ minLength: 1 }), 'give a name or an address to listen on, such as 127.0.0.1'),
          ),
          port: Type.Optional(
            told(Type.Integer({ minimum: 0, maximum: 65_535 }), 'give a port from 1 to 65535, or 0 for a free one'),
          ),
        },
        closed,
      ),
    ),
    ship: Type.Optional(
      Type.Object(
        {
          lingerMs: Type.Optional(
            told(Type.Integer({ minimum: 0, maximum: 60_000 }), 'give milliseconds from 0 to 60000'),
          ),
          reconnectMaxMs: Type.Optional(
            told(Type.Integer({ minimum: 1_000, maximum: 3_600_000 }), 'give milliseconds from 1000 to 3600000'),
          ),
        },
        closed,
      ),
    ),
    log: Type.Optional(
      Type.Object(
        {
          level: Type.Optional(
            told(Type.Union(LOG_LEVELS.map((level) => Type.Literal(level))), `give one of ${LOG_LEVELS.join(', ')}`),
          ),
        },
        closed,
      ),
    ),
  },
  closed,
);
export type ConfigInput = Static<typeof ConfigSchema>;

const checker = Compile(ConfigSchema);

export const isConfigInput = (input: unknown): input is ConfigInput => checker.Check(input);

export interface ConfigFault {
  /** JSON pointer (RFC 6901) into the document. */
  readonly pointer: string;
  /** What is wrong, and what to do. */
  readonly detail: string;
}

/** The part of the schema that a pointer leads to; an element of an array stands for its array. */
function schemaAt(pointer: string): (TSchema & { should?: string }) | undefined {
  let at: TSchema | undefined = ConfigSchema;
  for (const key of pointer.split('/').slice(1)) {
    const { properties } = at as Partial<TObject>;
    if (properties === undefined) break;
    at = properties[key];
    if (at === undefined) return undefined;
  }
  return at;
}

/** Why `isConfigInput` says no. */
export function schemaFaults(input: unknown): ConfigFault[] {
  const faults: ConfigFault[] = [];
  for (const error of checker.Errors(input)) {
    const { instancePath: pointer, keyword } = error;
    // The checker reports an unknown key twice, and each branch of a union besides the union itself.
    if (keyword === 'additionalProperties' || error.schemaPath.includes('/anyOf/')) continue;
    if (keyword === 'required') {
      for (const key of (error.params as { requiredProperties: string[] }).requiredProperties) {
        const should = schemaAt(`${pointer}/${key}`)?.should;
        faults.push({
          pointer: `${pointer}/${key}`,
          detail: should === undefined ? 'is missing' : `is missing: ${should}`,
        });
      }
    } else if (keyword === 'boolean') {
      const parent = schemaAt(pointer.slice(0, pointer.lastIndexOf('/'))) as TObject;
      faults.push({
        pointer,
        detail: `is not a known key; known here are ${Object.keys(parent.properties).join(', ')}`,
      });
    } else {
      const should = schemaAt(pointer)?.should;
      const message = keyword === 'anyOf' || keyword === 'pattern' ? 'is not a valid value' : error.message;
      faults.push({ pointer, detail: should === undefined ? message : `${message}: ${should}` });
    }
  }
  return faults;
}
