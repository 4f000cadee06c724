/** Reads the collector's configuration file: YAML, and so JSON too. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { type Document, parseDocument } from 'yaml';
import { type CollectorConfig, parseConfig } from './config.ts';

/** The message names the file, each field, and what to do; for people. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** PEM texts. */
export interface TlsFiles {
  readonly key: string;
  readonly cert: string;
}

/** @throws ConfigError */
export function loadConfig(path: string): CollectorConfig {
  const document = parseDocument(readText(path, 'the configuration'), { prettyErrors: true });
  const [syntax] = document.errors;
  if (syntax !== undefined) throw new ConfigError(`${path}: is not YAML: ${syntax.message.trimEnd()}`);
  const parsed = parseConfig(plain(document, path));
  if (!parsed.ok) {
    const lines = parsed.faults.map(({ pointer, detail }) => `${path}: ${pointer || 'the document'} ${detail}`);
    throw new ConfigError(lines.join('\n'));
  }
  readTls(parsed.config);
  return parsed.config;
}

/** The broker's key and certificate as they are now; null: plain TCP. @throws ConfigError */
export function readTls({ mqtt: { tls } }: CollectorConfig): TlsFiles | null {
  if (tls === null) return null;
  const files = { key: readText(tls.key, 'mqtt.tls.key'), cert: readText(tls.cert, 'mqtt.tls.cert') };
  try {
    createSecureContext(files);
  } catch (cause) {
    const told = `mqtt.tls.key and mqtt.tls.cert are not a key and its certificate in PEM: ${(cause as Error).message}`;
    throw new ConfigError(`${tls.key}, ${tls.cert}: ${told}`, { cause });
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

function plain(document: Document, path: string): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    // An alias of an anchor that is not there, or aliases that multiply.
    throw new ConfigError(`${path}: is not YAML: ${(cause as Error).message}`, { cause });
  }
}
