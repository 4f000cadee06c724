/** Reads the collector's configuration file and checks the files that it names. */
import { readFileSync } from 'node:fs';
import { ConfigError, configOf } from '../../shared/config/parse-config.ts';
import { type CollectorConfig, parseConfig } from './collector-config.ts';
import { readTls } from './tls-files.ts';

/** @throws ConfigError */
export function loadConfig(path: string): CollectorConfig {
  const config = configOf(path, readText(path), parseConfig);
  if (config.mqtt.tls !== null) readTls(config.mqtt.tls);
  return config;
}

function readText(path: string): string {
  try {
    // A shell may pass the configuration in a pipe.
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(`${path}: the configuration cannot be read: ${(cause as Error).message}`, { cause });
  }
}
