/**
 * The collector's configuration: turns `unknown` into a checked, frozen, typed object with all
 * defaults, or into a list of faults.
 */
import { isIP } from 'node:net';
import { validate as isCron } from 'node-cron';
import type { ConfigFault } from '../../shared/config/config-validator.ts';
import { deepFreeze } from '../../shared/config/deep-freeze.ts';
import type { ParsedConfig } from '../../shared/config/parse-config.ts';
import type { LogLevel } from '../../shared/config/schema-builders.ts';
import { CONFIG_VALIDATORS, type ConfigInput, type StoreKind } from './config-schema.ts';

/** All defaults. */
const DEFAULTS = {
  region: 'local',
  hbase: { host: '127.0.0.1', port: 9090, connections: 4, namespace: 'tillstream' },
  mqtt: { host: '127.0.0.1', port: 1883, maxConnections: 20_000, merchantShare: 0.25 },
  http: { host: '127.0.0.1', port: 8080, maxConnections: 1_000, trustedProxies: [] },
  ingest: { quotas: { bytesPerDay: 2 * 1024 ** 3, eventsPerDay: 20_000_000 } },
  rollup: { cron: '* * * * *', graceSeconds: 120, sweepHour: 3 },
  dimensions: ['method', 'cashier', 'category'],
  log: { level: 'info' },
} as const;

/** Figures always have these keys. */
const RESERVED_DIMENSIONS = ['type', 'currency', 'store', 'terminal'];

export type StoreConfig =
  | { readonly kind: 'sqlite'; readonly path: string }
  | {
      readonly kind: 'hbase';
      readonly host: string;
      readonly port: number;
      readonly connections: number;
      readonly namespace: string;
    };

export interface CollectorConfig {
  readonly region: string;
  readonly store: StoreConfig;
  readonly mqtt: {
    readonly host: string;
    readonly port: number;
    /** Sessions, over both ports. */
    readonly maxConnections: number;
    /** Of the sessions, what a merchant keeps when all are taken: above 0, at most 1. */
    readonly merchantShare: number;
    /** Addresses and networks from which many tills connect. */
    readonly loadBalancers: readonly string[];
    /** Tills may connect in plain text from other machines: TLS ends elsewhere. */
    readonly allowPlaintext: boolean;
    /** Paths of PEM files; null: plain TCP. */
    readonly tls: { readonly key: string; readonly cert: string; readonly ca: string | null } | null;
    /** MQTT over WebSocket, with the same TLS; null: none. */
    readonly websocket: { readonly host: string; readonly port: number } | null;
  };
  readonly http: {
    readonly host: string;
    readonly port: number;
    readonly maxConnections: number;
    /** Addresses and networks whose X-Forwarded-For is believed. */
    readonly trustedProxies: readonly string[];
  };
  readonly ingest: {
    /** What a terminal may store in a UTC day. */
    readonly quotas: { readonly bytesPerDay: number; readonly eventsPerDay: number };
  };
  readonly rollup: {
    readonly cron: string;
    readonly graceSeconds: number;
    /** Of the UTC day; from then on the day before is compared with the raw log. */
    readonly sweepHour: number;
  };
  /** In alphabetical order, because their order has no meaning. */
  readonly dimensions: readonly string[];
  readonly log: { readonly level: LogLevel };
}

/** Checks that the schema cannot express. */
function otherFaults({ mqtt, http, rollup, dimensions }: ConfigInput): ConfigFault[] {
  const faults: ConfigFault[] = [];
  if (mqtt?.external !== undefined) {
    const detail = 'an external broker is not available yet: leave it out, and the collector is its own broker';
    faults.push({ pointer: '/mqtt/external', detail });
  }
  if (rollup?.cron !== undefined && !isCron(rollup.cron)) {
    faults.push({ pointer: '/rollup/cron', detail: 'is not a cron expression: give one such as "* * * * *"' });
  }
  const networks = { '/mqtt/loadBalancers': mqtt?.loadBalancers, '/http/trustedProxies': http?.trustedProxies };
  for (const [pointer, entries] of Object.entries(networks)) {
    entries?.forEach((entry, index) => {
      if (isAddressOrNetwork(entry)) return;
      const detail = 'is neither an address nor a network: give one such as 10.0.0.7 or 10.0.0.0/8';
      faults.push({ pointer: `${pointer}/${index}`, detail });
    });
  }
  dimensions?.forEach((name, index) => {
    if (!RESERVED_DIMENSIONS.includes(name)) return;
    faults.push({ pointer: `/dimensions/${index}`, detail: `${name} is always there: leave it out` });
  });
  return faults;
}

function isAddressOrNetwork(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/');
  const bits = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0;
  const fits = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
  return bits > 0 && fits && more.length === 0;
}

/** The schema to check against, or why none matches. */
function storeKind(input: unknown): StoreKind | ConfigFault {
  const hint = 'give {kind: sqlite, path: FILE} or {kind: hbase, host: HOST, port: PORT}';
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return { pointer: '', detail: 'is not a map of keys: see config/collector.yaml for an example' };
  const { store } = input as { store?: unknown };
  if (store === undefined) return { pointer: '/store', detail: `is missing: ${hint}` };
  if (typeof store !== 'object' || store === null) return { pointer: '/store', detail: `is not a store: ${hint}` };
  const { kind } = store as { kind?: unknown };
  if (kind === 'sqlite' || kind === 'hbase') return kind;
  return { pointer: '/store/kind', detail: kind === undefined ? `is missing: ${hint}` : `is not known: ${hint}` };
}

/** @param input the document as the YAML parser returns it */
export function parseConfig(input: unknown): ParsedConfig<CollectorConfig> {
  const kind = storeKind(input);
  if (typeof kind === 'object') return { ok: false, faults: [kind] };
  const validator = CONFIG_VALIDATORS[kind];
  if (!validator.fits(input)) return { ok: false, faults: validator.faults(input) };
  const given = input as ConfigInput;
  const faults = otherFaults(given);
  if (faults.length > 0) return { ok: false, faults };
  const { tls = null, websocket = null, external: _, ...mqtt } = given.mqtt ?? {};
  const at = { ...DEFAULTS.mqtt, ...mqtt };
  const config: CollectorConfig = {
    region: given.region ?? DEFAULTS.region,
    store: given.store.kind === 'sqlite' ? given.store : { ...DEFAULTS.hbase, ...given.store },
    mqtt: {
      ...at,
      loadBalancers: mqtt.loadBalancers ?? [],
      allowPlaintext: mqtt.allowPlaintext ?? false,
      tls: tls === null ? null : { ca: null, ...tls },
      websocket: websocket === null ? null : { host: at.host, ...websocket },
    },
    http: { ...DEFAULTS.http, ...given.http },
    ingest: { quotas: { ...DEFAULTS.ingest.quotas, ...given.ingest?.quotas } },
    rollup: { ...DEFAULTS.rollup, ...given.rollup },
    dimensions: [...(given.dimensions ?? DEFAULTS.dimensions)].sort(),
    log: { ...DEFAULTS.log, ...given.log },
  };
  return { ok: true, config: deepFreeze(config) };
}
