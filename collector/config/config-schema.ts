/** The schema of the collector's configuration file, with a hint per key on how to correct it. */
import Type, { type Static, type TSchema } from 'typebox';
import { ConfigValidator } from '../../shared/config/config-validator.ts';
import { file, host, integer, log, port, strictObject, withHint } from '../../shared/config/schema-builders.ts';
import { DIMENSION_KEY_PATTERN } from '../../shared/event/schema.ts';

const MAX_DIMENSIONS = 16;
/** Load balancers or proxies, as addresses and networks. */
const MAX_NETWORKS = 256;

const networks = withHint(
  Type.Array(Type.String(), { maxItems: MAX_NETWORKS, uniqueItems: true }),
  'give a list of addresses and networks, such as [10.0.0.0/8]',
);
const quota = integer(1, Number.MAX_SAFE_INTEGER);

const STORES = {
  sqlite: Type.Object({ kind: Type.Literal('sqlite'), path: file("the store's database file") }, strictObject),
  hbase: Type.Object(
    {
      kind: Type.Literal('hbase'),
      host: Type.Optional(host),
      port: Type.Optional(port),
      connections: Type.Optional(integer(1, 256)),
      namespace: Type.Optional(
        withHint(Type.String({ pattern: '^[a-zA-Z0-9_]{1,64}$' }), 'give letters, digits and "_", at most 64'),
      ),
    },
    strictObject,
  ),
} as const;

const MQTT = Type.Object(
  {
    host: Type.Optional(host),
    port: Type.Optional(port),
    maxConnections: Type.Optional(integer(1, 1_000_000)),
    merchantShare: Type.Optional(
      withHint(Type.Number({ exclusiveMinimum: 0, maximum: 1 }), 'give a number above 0, at most 1'),
    ),
    loadBalancers: Type.Optional(networks),
    allowPlaintext: Type.Optional(withHint(Type.Boolean(), 'give true or false')),
    tls: Type.Optional(
      Type.Object(
        {
          key: file("the private key of the broker's certificate (PEM)"),
          cert: file("the broker's certificate, with its chain (PEM)"),
          ca: Type.Optional(file('the authorities of client certificates (PEM)')),
        },
        strictObject,
      ),
    ),
    websocket: Type.Optional(Type.Object({ host: Type.Optional(host), port }, strictObject)),
    external: Type.Optional(Type.Unknown()),
  },
  strictObject,
);

const HTTP = Type.Object(
  {
    host: Type.Optional(host),
    port: Type.Optional(port),
    maxConnections: Type.Optional(integer(16, 1_000_000)),
    trustedProxies: Type.Optional(networks),
  },
  strictObject,
);

const INGEST = Type.Object(
  {
    quotas: Type.Optional(
      Type.Object({ bytesPerDay: Type.Optional(quota), eventsPerDay: Type.Optional(quota) }, strictObject),
    ),
  },
  strictObject,
);

const configSchema = <T extends TSchema>(store: T) =>
  Type.Object(
    {
      region: Type.Optional(
        withHint(Type.String({ minLength: 1, maxLength: 64 }), 'give a name of at most 64 characters'),
      ),
      store,
      mqtt: Type.Optional(MQTT),
      http: Type.Optional(HTTP),
      ingest: Type.Optional(INGEST),
      rollup: Type.Optional(
        Type.Object(
          {
            cron: Type.Optional(withHint(Type.String(), 'give a cron expression, such as "* * * * *"')),
            graceSeconds: Type.Optional(integer(0, 86_400)),
            sweepHour: Type.Optional(integer(0, 23)),
          },
          strictObject,
        ),
      ),
      dimensions: Type.Optional(
        withHint(
          Type.Array(Type.String({ pattern: DIMENSION_KEY_PATTERN }), { maxItems: MAX_DIMENSIONS, uniqueItems: true }),
          `give a list of at most ${MAX_DIMENSIONS} different keys of dims: lower-case letters, digits and "_", such as [method, cashier]`,
        ),
      ),
      log: Type.Optional(log),
    },
    strictObject,
  );

const SCHEMAS = { sqlite: configSchema(STORES.sqlite), hbase: configSchema(STORES.hbase) } as const;
export type StoreKind = keyof typeof SCHEMAS;
export type ConfigInput = Static<(typeof SCHEMAS)[StoreKind]>;

export const CONFIG_VALIDATORS: Readonly<Record<StoreKind, ConfigValidator<TSchema>>> = {
  sqlite: new ConfigValidator(SCHEMAS.sqlite),
  hbase: new ConfigValidator(SCHEMAS.hbase),
};
