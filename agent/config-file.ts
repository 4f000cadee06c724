/** Reads the agent's configuration file and the files that it names. */
import { readFileSync } from 'node:fs';
import { ConfigError, configOf } from '../shared/config/document.ts';
import { type AgentConfig, parseConfig } from './config.ts';

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(`${path}: ${what} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** @throws ConfigError */
export function loadConfig(path: string): AgentConfig {
  const config = configOf(path, readText(path, 'the configuration'), parseConfig);
  const { token } = config.collector;
  if (token?.kind === 'file') readToken(token);
  return config;
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
