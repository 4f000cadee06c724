/** Reads the agent's configuration file: YAML, and so JSON too. */
import { readFileSync } from 'node:fs';
import { type Document, parseDocument } from 'yaml';
import { type AgentConfig, parseConfig } from './config.ts';

/** The message names the file, each field, and what to do; for people. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
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

/** @throws ConfigError */
export function loadConfig(path: string): AgentConfig {
  const document = parseDocument(readText(path, 'the configuration'), { prettyErrors: true });
  const [syntax] = document.errors;
  if (syntax !== undefined) throw new ConfigError(`${path}: is not YAML: ${syntax.message.trimEnd()}`);
  const parsed = parseConfig(plain(document, path));
  if (!parsed.ok) {
    throw new ConfigError(
      parsed.faults
        .map(({ pointer, detail }) => `${path}: ${pointer === '' ? 'the document' : pointer} ${detail}`)
        .join('\n'),
    );
  }
  const { token } = parsed.config.collector;
  if (token?.kind === 'file') readToken(token);
  return parsed.config;
}

/**
 * The token as it is now: a file is read again for each connection, so that it can be exchanged beside a running agent.
 *
 * @throws ConfigError when its file can't be read or is empty
 */
export function readToken(token: NonNullable<AgentConfig['collector']['token']>): string {
  if (token.kind === 'text') return token.text;
  const text = readText(token.path, 'the token file (collector.tokenFile)').trim();
  if (text === '') throw new ConfigError(`${token.path}: the token file (collector.tokenFile) is empty`);
  return text;
}
