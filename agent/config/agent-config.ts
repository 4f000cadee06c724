/**
 * The agent's configuration: parses `unknown` into a checked, frozen, typed object with every
 * default filled in, or returns the list of faults.
 */

import type { ConfigFault } from '../../shared/config/config-validator.ts';
import { deepFreeze } from '../../shared/config/deep-freeze.ts';
import type { ParsedConfig } from '../../shared/config/parse-config.ts';
import type { LogLevel } from '../../shared/config/schema-builders.ts';
import { type MerchantId, merchantId, type StoreId, storeId, type TerminalId, terminalId } from '../../shared/ids.ts';
import { CONFIG_VALIDATOR, type ConfigInput } from './config-schema.ts';
import { type CollectorProxy, type Environment, proxyOf, withProxy } from './forward-proxy.ts';
import { ingestAccess } from './ingest-access.ts';

/**
 * Every default, once. `minFreeBytes` null means the lesser of 64 MiB and 5 % of the file system,
 * which is known only when the buffer is opened.
 */
const DEFAULTS = {
  ingest: { host: '127.0.0.1', port: 7070, cardData: 'mask', tokenFile: null, allowUnauthenticated: false },
  buffer: {
    maxBytes: 1024 * 1024 * 1024,
    minFreeBytes: null,
    whenFull: 'reject',
    keepAckedHours: 24,
    commitDelayMs: 0,
  },
  ship: { lingerMs: 50, reconnectMaxMs: 60_000 },
  log: { level: 'info' },
} as const;

export interface CollectorAddress {
  /** Plain TCP, TLS, or TLS with MQTT in a WebSocket. */
  readonly protocol: 'mqtt' | 'mqtts' | 'wss';
  readonly host: string;
  readonly port: number;
  /** Path of a WebSocket URL, from "/" on; otherwise null. */
  readonly path: string | null;
  /** Forward proxy on the way, for `wss` only. */
  readonly proxy?: CollectorProxy;
}

const PORTS = { mqtt: 1883, mqtts: 8883, wss: 443 } as const;
const ADDRESS_HINT =
  'give mqtts://HOST:PORT, wss://HOST/PATH where only port 443 is open, or mqtt://HOST:PORT on this machine';

export interface AgentConfig {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  /** Default store for events that name none. */
  readonly store: StoreId | null;
  readonly collector: {
    readonly addresses: readonly CollectorAddress[];
    /** Null: the client certificate identifies the terminal. */
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
    readonly whenFull: 'reject' | 'drop-oldest';
    readonly keepAckedHours: number;
    /** How long a request may wait for others to share its commit, milliseconds. */
    readonly commitDelayMs: number;
  };
  readonly ingest: {
    readonly host: string;
    readonly port: number;
    /** What happens to card numbers and magnetic track data in events. */
    readonly cardData: 'mask' | 'refuse';
    /** Origins of browser-based tills. */
    readonly allowedOrigins: readonly string[];
    /** Names by which others reach the agent. */
    readonly allowedHosts: readonly string[];
    /** Of the token that requests must bear. Null: none. */
    readonly tokenFile: string | null;
    readonly allowUnauthenticated: boolean;
  };
  readonly ship: { readonly lingerMs: number; readonly reconnectMaxMs: number };
  readonly log: { readonly level: LogLevel };
}

const isProtocol = (text: string): text is CollectorAddress['protocol'] => Object.hasOwn(PORTS, text);

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

function parsedAddress(text: string, allowPlaintext: boolean): CollectorAddress | string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const protocol = url?.protocol.slice(0, -1) ?? '';
  if (url === null || url.hostname === '' || !isProtocol(protocol)) return `is not a broker address: ${ADDRESS_HINT}`;
  if (url.username !== '' || url.password !== '')
    return 'holds a user name or password: give the token as collector.token or collector.tokenFile';
  if (url.search !== '' || url.hash !== '' || (protocol !== 'wss' && url.pathname.length > 1))
    return 'holds more than a host and a port: give mqtts://HOST:PORT';
  if (protocol === 'mqtt' && !allowPlaintext && !LOOPBACK.test(url.hostname)) {
    return 'would send sales and the token unencrypted: use mqtts://, or set collector.allowPlaintext: true if the network is trusted';
  }
  return {
    protocol,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? PORTS[protocol] : Number(url.port),
    path: protocol !== 'wss' ? null : url.pathname === '' || url.pathname === '/' ? '/mqtt' : url.pathname,
  };
}

/** Rules that the schema cannot express: keys that exclude or require each other, and addresses. */
function checkRelations(
  input: ConfigInput,
  environment: Environment,
): { addresses: CollectorAddress[]; faults: ConfigFault[] } {
  const { collector } = input;
  const faults: ConfigFault[] = [];
  const addresses: CollectorAddress[] = [];
  const proxy = proxyOf(collector.proxy, environment);
  if (typeof proxy === 'string') faults.push({ pointer: '/collector/proxy', detail: proxy });
  for (const [index, url] of collector.urls.entries()) {
    const address = parsedAddress(url, collector.allowPlaintext ?? false);
    if (typeof address === 'string') faults.push({ pointer: `/collector/urls/${index}`, detail: address });
    else addresses.push(withProxy(address, proxy, collector.proxy === undefined ? environment.NO_PROXY : undefined));
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
  return { addresses, faults };
}

/**
 * @param input the document as the YAML parser returns it
 * @param environment `HTTPS_PROXY` and `NO_PROXY` count where the document names no proxy
 */
export function parseConfig(input: unknown, environment: Environment = {}): ParsedConfig<AgentConfig> {
  if (!CONFIG_VALIDATOR.fits(input)) return { ok: false, faults: CONFIG_VALIDATOR.faults(input) };
  const { addresses, faults } = checkRelations(input, environment);
  const access = ingestAccess(input.ingest?.host ?? DEFAULTS.ingest.host, input.ingest ?? {}, faults);
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
    buffer: { ...DEFAULTS.buffer, ...input.buffer },
    ingest: { ...DEFAULTS.ingest, ...input.ingest, ...access },
    ship: { ...DEFAULTS.ship, ...input.ship },
    log: { ...DEFAULTS.log, ...input.log },
  };
  return { ok: true, config: deepFreeze(config) };
}
