/** The configuration that a command names, or the one that packages install. */
import { existsSync } from 'node:fs';
import { UsageError } from './command-line.ts';
import { type CommandName, DEFAULT_CONFIG } from './commands.ts';
import type { AgentConfig } from './config.ts';
import { loadConfig } from './config-file.ts';

/**
 * @param path null: the default one
 * @throws UsageError when there is none at the default place; ConfigError
 */
export function chosenConfig(name: CommandName, path: string | null): AgentConfig {
  if (path !== null) return loadConfig(path);
  if (existsSync(DEFAULT_CONFIG)) return loadConfig(DEFAULT_CONFIG);
  throw new UsageError(`${name} needs --config FILE: there is no ${DEFAULT_CONFIG}`);
}
