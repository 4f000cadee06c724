/** Reads the agent's configuration file and the files that it names. */
import { readFileSync } from 'node:fs';
import { ConfigError, configOf } from '../../shared/config/parse-config.ts';
import { describeIrregularFile } from '../buffer/disk/regular-file.ts';
import type { Credentials } from '../ship/connection/endpoint.ts';
import { type AgentConfig, parseConfig } from './agent-config.ts';

function read(path: string, what: string): Buffer {
  const odd = describeIrregularFile(path);
  if (odd !== null) throw new ConfigError(`${path}: ${what} ${odd}`);
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ConfigError(`${path}: ${what} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** @throws ConfigError */
export function loadConfig(path: string): AgentConfig {
  const text = read(path, 'the configuration').toString('utf8');
  return configOf(path, text, (input) => parseConfig(input, process.env));
}

/**
 * The credentials that the agent presents, and the authorities by which it verifies the collector.
 * Files are read again for each connection, so tokens and certificates can be replaced while the
 * agent runs. An invalid credential stops shipping; events are still accepted.
 *
 * @throws ConfigError when a file cannot be read, or the token file is empty
 */
export function readCredentials({ token, tls }: AgentConfig['collector']): Credentials {
  const pem = (path: string | null, key: string): Buffer | null =>
    path === null ? null : read(path, `collector.tls.${key}`);
  return {
    token: token === null ? null : token.kind === 'text' ? token.text : readToken(token.path, 'collector.tokenFile'),
    ca: pem(tls.ca, 'ca'),
    cert: pem(tls.cert, 'cert'),
    key: pem(tls.key, 'key'),
  };
}

function readToken(path: string, key: string): string {
  const text = read(path, `the token file (${key})`).toString('utf8').trim();
  if (text === '') throw new ConfigError(`${path}: the token file (${key}) is empty`);
  return text;
}

/** @throws ConfigError when the file cannot be read, or is empty */
export const readIngestToken = (path: string): string => readToken(path, 'ingest.tokenFile');

/** How long a replaced file may go unnoticed. */
const TOKEN_KEPT_MS = 1_000;

/**
 * The token that requests must bear. A replaced file counts within a second; while it cannot be
 * read, the last token does.
 *
 * @param now monotonic milliseconds
 * @throws ConfigError when there is no token to begin with
 */
export function ingestToken(path: string, now: () => number): () => string {
  let token = readIngestToken(path);
  let readAt = now();
  return () => {
    if (now() - readAt < TOKEN_KEPT_MS) return token;
    readAt = now();
    try {
      token = readIngestToken(path);
    } catch {
      // Being replaced, or gone: tills go on with the token that they have.
    }
    return token;
  };
}
