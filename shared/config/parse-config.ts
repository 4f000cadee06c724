/**
 * Parses a configuration document (YAML, and therefore JSON too) into a checked configuration, or
 * throws an error that explains the faults.
 */
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
 * @param path of the file, for error messages
 * @throws ConfigError with one line per fault
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

/**
 * No valid configuration is nested deeper; a value that contains itself (an alias within its own
 * anchor) is infinitely deep.
 */
const MAX_DEPTH = 32;

function plain(document: Document, path: string): unknown {
  let value: unknown;
  try {
    value = document.toJS();
  } catch (cause) {
    // An alias of a missing anchor, or too many aliases.
    throw new ConfigError(`${path}: is not YAML: ${(cause as Error).message}`, { cause });
  }
  if (isDeeper(value, MAX_DEPTH)) {
    throw new ConfigError(
      `${path}: something in it contains itself, or lies more than ${MAX_DEPTH} levels deep: look at its indentation and its aliases (*)`,
    );
  }
  const at = pointerToNul(value);
  if (at !== null) throw new ConfigError(`${path}: ${at} holds a NUL character: leave it out`);
  return value;
}

/**
 * JSON pointer to a text with a NUL: no value may have one, and the system ends a path there, which
 * is then another one. Null: there is none.
 */
function pointerToNul(value: unknown): string | null {
  if (typeof value === 'string') return value.includes('\0') ? '' : null;
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, part] of Object.entries(value)) {
    const below = pointerToNul(part);
    if (below !== null) return `/${key}${below}`;
  }
  return null;
}

const isDeeper = (value: unknown, most: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (most === 0 || Object.values(value).some((part) => isDeeper(part, most - 1)));
