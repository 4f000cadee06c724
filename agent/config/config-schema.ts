/** Schema of the agent's configuration file, with a hint for each key on how to correct it. */
import Type, { type Static } from 'typebox';
import { ConfigValidator } from '../../shared/config/config-validator.ts';
import { file, host, log, port, strictObject, withHint } from '../../shared/config/schema-builders.ts';
import { ID_PATTERN } from '../../shared/ids.ts';

/** With less than this, the write-ahead log alone would take a large share of the budget. */
const MIN_BUFFER_BYTES = 16 * 1024 * 1024;

const id = (what: string) =>
  withHint(
    Type.String({ pattern: ID_PATTERN }),
    `give the ${what}'s id: lower-case letters, digits, "-" and "_", at most 64`,
  );

const ConfigSchema = Type.Object(
  {
    merchant: id('merchant'),
    terminal: id('terminal'),
    store: Type.Optional(id('store')),
    collector: Type.Object(
      {
        urls: withHint(
          Type.Array(Type.String(), { minItems: 1, maxItems: 16 }),
          'give a list such as [mqtts://collector.example:8883]',
        ),
        token: Type.Optional(withHint(Type.String({ minLength: 1 }), "give the terminal's token as a string")),
        tokenFile: Type.Optional(file("a file that holds the terminal's token")),
        tls: Type.Optional(
          Type.Object(
            {
              ca: Type.Optional(file('a PEM file of certificate authorities')),
              cert: Type.Optional(file("the agent's certificate (PEM)")),
              key: Type.Optional(file("the private key of the agent's certificate (PEM)")),
            },
            strictObject,
          ),
        ),
        proxy: Type.Optional(withHint(Type.String(), 'give http://HOST:PORT, the forward proxy for wss:// addresses')),
        allowPlaintext: Type.Optional(withHint(Type.Boolean(), 'give true or false')),
      },
      strictObject,
    ),
    buffer: Type.Object(
      {
        path: file("the buffer's database file"),
        maxBytes: Type.Optional(
          withHint(
            Type.Integer({ minimum: MIN_BUFFER_BYTES, maximum: 2 ** 44 }),
            `give a whole number of bytes from ${MIN_BUFFER_BYTES} (16 MiB) on`,
          ),
        ),
        minFreeBytes: Type.Optional(
          withHint(Type.Integer({ minimum: 0, maximum: 2 ** 50 }), 'give a whole number of bytes'),
        ),
        whenFull: Type.Optional(
          withHint(Type.Union([Type.Literal('reject'), Type.Literal('drop-oldest')]), 'give reject or drop-oldest'),
        ),
        commitDelayMs: Type.Optional(
          withHint(Type.Integer({ minimum: 0, maximum: 1_000 }), 'give milliseconds from 0 to 1000'),
        ),
        keepAckedHours: Type.Optional(
          withHint(Type.Number({ minimum: 0, maximum: 24 * 366 }), 'give a number of hours, 0 or more'),
        ),
      },
      strictObject,
    ),
    ingest: Type.Optional(
      Type.Object(
        {
          host: Type.Optional(host),
          port: Type.Optional(port),
          cardData: Type.Optional(withHint(Type.Enum(['mask', 'refuse']), 'give mask or refuse')),
          allowedOrigins: Type.Optional(
            withHint(Type.Array(Type.String(), { maxItems: 64 }), 'give a list such as [https://till.example]'),
          ),
          allowedHosts: Type.Optional(
            withHint(
              Type.Array(Type.String(), { maxItems: 64 }),
              'give a list such as [till-1.shop.lan, 192.168.1.20]',
            ),
          ),
          tokenFile: Type.Optional(file('a file that holds the token that tills send')),
          allowUnauthenticated: Type.Optional(withHint(Type.Boolean(), 'give true or false')),
        },
        strictObject,
      ),
    ),
    ship: Type.Optional(
      Type.Object(
        {
          lingerMs: Type.Optional(
            withHint(Type.Integer({ minimum: 0, maximum: 60_000 }), 'give milliseconds from 0 to 60000'),
          ),
          reconnectMaxMs: Type.Optional(
            withHint(Type.Integer({ minimum: 1_000, maximum: 3_600_000 }), 'give milliseconds from 1000 to 3600000'),
          ),
        },
        strictObject,
      ),
    ),
    log: Type.Optional(log),
  },
  strictObject,
);
export type ConfigInput = Static<typeof ConfigSchema>;

export const CONFIG_VALIDATOR = new ConfigValidator(ConfigSchema);
