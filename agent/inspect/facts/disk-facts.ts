/** Facts of the disk under a buffer, for support. */
import { readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { iso } from '../terminal/format.ts';

export interface DiskFacts {
  /** The buffer's file and those beside it whose names begin with its name. */
  readonly files: readonly {
    readonly name: string;
    readonly bytes: number;
    readonly changedAt: string;
    readonly mode: string;
    readonly owner: number;
  }[];
  readonly fileSystem: {
    readonly bytes: number;
    readonly freeBytes: number;
    readonly files: number;
    readonly freeFiles: number;
    /** Device, file system and options, where the system reports them. */
    readonly mount: string | null;
  } | null;
  /** Descriptions of what could not be read. */
  readonly faults: readonly string[];
}

/** The mount that holds a folder; Linux only. */
function mountOf(folder: string): string | null {
  let best: { readonly at: string; readonly description: string } | null = null;
  try {
    for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
      const [device, at, kind, options] = line.split(' ');
      if (at === undefined || !(at === '/' || folder === at || folder.startsWith(`${at}/`))) continue;
      if (best === null || at.length >= best.at.length)
        best = { at, description: `${device} on ${at} type ${kind} (${options})` };
    }
  } catch {
    return null;
  }
  return best?.description ?? null;
}

export function diskFacts(given: string): DiskFacts {
  const path = resolve(given);
  const folder = dirname(path);
  const faults: string[] = [];
  const attempt = <T>(what: string, work: () => T): T | null => {
    try {
      return work();
    } catch (error) {
      faults.push(`${what}: ${(error as Error).message}`);
      return null;
    }
  };
  const names = attempt('the folder', () => readdirSync(folder)) ?? [];
  const files = names
    .filter((name) => name.startsWith(basename(path)))
    .flatMap((name) => {
      const found = attempt(name, () => statSync(join(folder, name)));
      return found === null
        ? []
        : [
            {
              name,
              bytes: found.size,
              changedAt: iso(found.mtimeMs),
              mode: (found.mode & 0o777).toString(8),
              owner: found.uid,
            },
          ];
    });
  const fileSystem = attempt('the file system', () => {
    const { blocks, bavail, bsize, files: all, ffree } = statfsSync(folder);
    return { bytes: blocks * bsize, freeBytes: bavail * bsize, files: all, freeFiles: ffree, mount: mountOf(folder) };
  });
  return { files, fileSystem, faults };
}
