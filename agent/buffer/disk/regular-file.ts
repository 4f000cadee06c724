/** What may lie where a file is meant: a pipe would be waited for without end, and what SQLite says of a folder tells nobody anything. */
import { type Stats, statSync } from 'node:fs';

function kindOf(found: Stats): string {
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a pipe';
  return found.isSocket() ? 'a socket' : 'a device';
}

/** In words; null when a file lies there, or nothing that this user may see. */
export function describeIrregularFile(path: string): string | null {
  let found: Stats | undefined;
  try {
    found = statSync(path, { throwIfNoEntry: false });
  } catch {
    return null;
  }
  return found === undefined || found.isFile() ? null : `is ${kindOf(found)}, not a file`;
}

/** Bytes; 0 where there is no file. */
export const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
