/**
 * Detects paths that are not regular files, before they are opened: opening a pipe would block
 * forever, and SQLite's message for a directory says nothing.
 */
import { type Stats, statSync } from 'node:fs';

function kindOf(found: Stats): string {
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a pipe';
  return found.isSocket() ? 'a socket' : 'a device';
}

/** A description; null when the path is a regular file, or nothing that this user may see. */
export function describeIrregularFile(path: string): string | null {
  let found: Stats | undefined;
  try {
    found = statSync(path, { throwIfNoEntry: false });
  } catch {
    return null;
  }
  return found === undefined || found.isFile() ? null : `is ${kindOf(found)}, not a file`;
}

/** In bytes; 0 when there is no file. */
export const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
