/** A configuration document: YAML, and so JSON too. Whoever has read its text gets a checked configuration of it, or words for people. */
import { type Document, parseDocument } from 'yaml';
import type { ConfigFault } from './config-validator.ts';

/** The message names the file, each field, and what to do. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export type ParsedConfig<C> =
  | { readonly ok: true; readonly config: C }
  | { readonly ok: false; readonly faults: readonly ConfigFault[] };

/**
 * @param path of the file, for the messages
 * @throws ConfigError with a line for each fault
 */
export function configOf<C>(path: string, text: string, parse: (input: unknown) => ParsedConfig<C>): C {
  const document = parseDocument(text, { prettyErrors: true });
  const [syntax] = document.errors;
  if (syntax !== undefined) throw new ConfigError(`${path}: is not YAML: ${syntax.message.trimEnd()}`);
  const parsed = parse(plain(document, path));
  if (parsed.ok) return parsed.config;
  const lines = parsed.faults.map(({ pointer, detail }) => `${path}: ${pointer || 'the document'} ${detail}`);
  throw new ConfigError(lines.join('\n'));
}

/** Nothing in a configuration lies deeper, and what contains itself (an alias within its own anchor) is without end. */
const MAX_DEPTH = 32;

function plain(document: Document, path: string): unknown {
  let value: unknown;
  try {
    value = document.toJS();
  } catch (cause) {
    // An alias of an anchor that is not there, or aliases that multiply.
    throw new ConfigError(`${path}: is not YAML: ${(cause as Error).message}`, { cause });
  }
  if (isDeeper(value, MAX_DEPTH)) {
    throw new ConfigError(
      `${path}: something in it contains itself, or lies more than ${MAX_DEPTH} levels deep: look at its indentation and its aliases (*)`,
    );
  }
  return value;
}

const isDeeper = (value: unknown, most: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (most === 0 || Object.values(value).some((part) => isDeeper(part, most - 1)));
