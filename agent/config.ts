/** The agent's configuration: `unknown` becomes a checked, frozen, typed object with every default filled in, or a list of what is wrong. */
import Type, { type Static, type TObject, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import {
  ID_PATTERN,
  type MerchantId,
  merchantId,
  type StoreId,
  storeId,
  type TerminalId,
  terminalId,
} from '../shared/ids.ts';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Below this the write-ahead log alone would take a large share of the budget. */
const MIN_BUFFER_BYTES = 16 * 1024 * 1024;

/** Every default, once. `minFreeBytes` null: the lesser of 64 MiB and 5 % of the file system, known when the buffer is opened. */
const DEFAULTS = {
  ingest: { host: '127.0.0.1', port: 7070 },
  buffer: { maxBytes: 1024 * 1024 * 1024, minFreeBytes: null, whenFull: 'reject', keepAckedHours: 24 },
  ship: { lingerMs: 50, reconnectMaxMs: 60_000 },
  log: { level: 'info' },
} as const;

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
type ConfigInput = Static<typeof ConfigSchema>;

const checker = Compile(ConfigSchema);

export interface CollectorAddress {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
}

export interface AgentConfig {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  /** Of events that name none themselves. */
  readonly store: StoreId | null;
  readonly collector: {
    readonly addresses: readonly CollectorAddress[];
    /** Null: the client certificate says who this is. */
    readonly token:
      | { readonly kind: 'text'; readonly text: string }
      | { readonly kind: 'file'; readonly path: string }
      | null;
    /** Paths of PEM files. */
    readonly tls: { readonly ca: string | null; readonly cert: string | null; readonly key: string | null };
  };
  readonly buffer: {
    readonly path: string;
    readonly maxBytes: number;
    readonly minFreeBytes: number | null;
    readonly whenFull: 'reject';
    readonly keepAckedHours: number;
  };
  readonly ingest: { readonly host: string; readonly port: number };
  readonly ship: { readonly lingerMs: number; readonly reconnectMaxMs: number };
  readonly log: { readonly level: LogLevel };
}

export interface ConfigFault {
  /** JSON pointer (RFC 6901) into the document. */
  readonly pointer: string;
  /** What is wrong, and what to do. */
  readonly detail: string;
}

export type ParsedConfig =
  | { readonly ok: true; readonly config: AgentConfig }
  | { readonly ok: false; readonly faults: readonly ConfigFault[] };

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

function schemaFaults(input: unknown): ConfigFault[] {
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

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

function parsedAddress(text: string, allowPlaintext: boolean): CollectorAddress | string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.hostname === '' || (url.protocol !== 'mqtt:' && url.protocol !== 'mqtts:')) {
    return 'is not a broker address: give mqtts://HOST:PORT (or mqtt://HOST:PORT on this machine)';
  }
  if (url.username !== '' || url.password !== '')
    return 'holds a user name or password: give the token as collector.token or collector.tokenFile';
  if (url.search !== '' || url.hash !== '' || url.pathname.length > 1)
    return 'holds more than a host and a port: give mqtts://HOST:PORT';
  const secure = url.protocol === 'mqtts:';
  if (!secure && !allowPlaintext && !LOOPBACK.test(url.hostname)) {
    return 'would send sales and the token in the clear: use mqtts://, or set collector.allowPlaintext: true if the network is trusted';
  }
  return {
    secure,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (secure ? 8883 : 1883) : Number(url.port),
  };
}

/** What the schema cannot say: keys that exclude or need one another, and addresses. */
function relations(input: ConfigInput): { addresses: CollectorAddress[]; faults: ConfigFault[] } {
  const { collector, buffer } = input;
  const faults: ConfigFault[] = [];
  const addresses: CollectorAddress[] = [];
  for (const [index, url] of collector.urls.entries()) {
    const address = parsedAddress(url, collector.allowPlaintext ?? false);
    if (typeof address === 'string') faults.push({ pointer: `/collector/urls/${index}`, detail: address });
    else addresses.push(address);
  }
  if (collector.token !== undefined && collector.tokenFile !== undefined) {
    faults.push({ pointer: '/collector/tokenFile', detail: 'excludes collector.token: give one of the two' });
  }
  if (collector.token === undefined && collector.tokenFile === undefined && collector.tls?.cert === undefined) {
    faults.push({
      pointer: '/collector/token',
      detail: 'is missing: give the token of `collector terminals add`, or collector.tokenFile',
    });
  }
  const { cert, key } = collector.tls ?? {};
  if ((cert === undefined) !== (key === undefined)) {
    faults.push({
      pointer: `/collector/tls/${cert === undefined ? 'cert' : 'key'}`,
      detail: 'is missing: a client certificate needs both cert and key',
    });
  }
  if (buffer.whenFull === 'drop-oldest') {
    faults.push({
      pointer: '/buffer/whenFull',
      detail: 'drop-oldest is not available yet in this version: give reject (the default)',
    });
  }
  return { addresses, faults };
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) frozen(part);
    Object.freeze(value);
  }
  return value;
}

/** @param input the document as the YAML parser gives it */
export function parseConfig(input: unknown): ParsedConfig {
  if (!checker.Check(input)) return { ok: false, faults: schemaFaults(input) };
  const { addresses, faults } = relations(input);
  if (faults.length > 0) return { ok: false, faults };
  const { token, tokenFile, tls } = input.collector;
  const config: AgentConfig = {
    merchant: merchantId(input.merchant),
    terminal: terminalId(input.terminal),
    store: input.store === undefined ? null : storeId(input.store),
    collector: {
      addresses,
      token:
        token !== undefined
          ? { kind: 'text', text: token }
          : tokenFile !== undefined
            ? { kind: 'file', path: tokenFile }
            : null,
      tls: { ca: tls?.ca ?? null, cert: tls?.cert ?? null, key: tls?.key ?? null },
    },
    buffer: { ...DEFAULTS.buffer, ...input.buffer, whenFull: 'reject' },
    ingest: { ...DEFAULTS.ingest, ...input.ingest },
    ship: { ...DEFAULTS.ship, ...input.ship },
    log: { ...DEFAULTS.log, ...input.log },
  };
  return { ok: true, config: frozen(config) };
}
