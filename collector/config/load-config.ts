/** Reads the collector's configuration file and the files that it names. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ConfigError, configOf } from '../../shared/config/parse-config.ts';
import { type CollectorConfig, parseConfig } from './collector-config.ts';

/** PEM texts. */
export interface TlsFiles {
  readonly key: string;
  readonly cert: string;
  /** Authorities of client certificates; null: none are requested. */
  readonly ca: string | null;
}

/** @throws ConfigError */
export function loadConfig(path: string): CollectorConfig {
  const config = configOf(path, readText(path, 'the configuration'), parseConfig);
  readTls(config);
  return config;
}

/**
 * Reads the broker's current key and certificate; null: plain TCP.
 *
 * @throws ConfigError
 */
export function readTls({ mqtt: { tls } }: CollectorConfig): TlsFiles | null {
  if (tls === null) return null;
  const files = {
    key: readText(tls.key, 'mqtt.tls.key'),
    cert: readText(tls.cert, 'mqtt.tls.cert'),
    ca: tls.ca === null ? null : readText(tls.ca, 'mqtt.tls.ca'),
  };
  const { ca, ...own } = files;
  try {
    createSecureContext(ca === null ? own : files);
  } catch (cause) {
    const detail = `mqtt.tls.key and mqtt.tls.cert (and mqtt.tls.ca) are not a key, its certificate and authorities in PEM: ${(cause as Error).message}`;
    throw new ConfigError(`${tls.key}, ${tls.cert}: ${detail}`, { cause });
  }
  return files;
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(`${path}: ${what} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
