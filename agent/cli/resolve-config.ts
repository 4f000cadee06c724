/** Loads the configuration that a command names, or the one that packages install. */
import { existsSync } from 'node:fs';
import type { AgentConfig } from '../config/agent-config.ts';
import { loadConfig } from '../config/load-config.ts';
import { type CommandName, DEFAULT_CONFIG } from './command-table.ts';
import { UsageError } from './parse-arguments.ts';

/**
 * @param path null: the default one
 * @throws UsageError when the default file is missing; ConfigError
 */
export function resolveConfig(name: CommandName, path: string | null): AgentConfig {
  if (path !== null) return loadConfig(path);
  if (existsSync(DEFAULT_CONFIG)) return loadConfig(DEFAULT_CONFIG);
  throw new UsageError(`${name} needs --config FILE: there is no ${DEFAULT_CONFIG}`);
}
