/** What the file system under a buffer may still be filled with. */
import { defaultMinFreeBytes, freeBytes } from '../buffer/disk/disk-usage.ts';

/**
 * @param minFreeBytes null: the default share
 * @returns null when the file system can't be asked
 */
export function usableDiskBytes(path: string, minFreeBytes: number | null): number | null {
  try {
    return freeBytes(path) - (minFreeBytes ?? defaultMinFreeBytes(path));
  } catch {
    return null;
  }
}
