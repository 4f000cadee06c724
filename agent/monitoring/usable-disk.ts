/** Free space that a buffer may still use on its file system. */
import { defaultMinFreeBytes, freeBytes } from '../buffer/disk/disk-usage.ts';

/**
 * @param minFreeBytes null: the default reserve
 * @returns null when the file system cannot be read
 */
export function usableDiskBytes(path: string, minFreeBytes: number | null): number | null {
  try {
    return freeBytes(path) - (minFreeBytes ?? defaultMinFreeBytes(path));
  } catch {
    return null;
  }
}
