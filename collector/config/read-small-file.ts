/** Reads a text file that the configuration names, without waiting for a pipe, up to a size. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { ConfigError } from '../../shared/config/parse-config.ts';

/** Four times a bundle of all public authorities. */
const MAX_BYTES = 1024 * 1024;

/**
 * @param what as the message names it
 * @throws ConfigError
 */
export function readSmallFile(path: string, what: string): string {
  try {
    const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const stats = fstatSync(file);
      if (!stats.isFile()) throw new Error('it is not a file');
      if (stats.size > MAX_BYTES) throw new Error(`it has ${stats.size} bytes, more than ${MAX_BYTES}`);
      return readFileSync(file, 'utf8');
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw new ConfigError(`${path}: ${what} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
