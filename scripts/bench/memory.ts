/** What a process holds, as the kernel accounts it. */
import { readFileSync } from 'node:fs';

export interface Memory {
  /** MiB, shared pages and all. */
  readonly rss: number;
  /** MiB of the process's own. */
  readonly anon: number;
}

/** Null where there is no /proc (not Linux). */
export function memoryOf(pid: number): Memory | null {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return null;
  }
  const mebibytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024;
  return { rss: mebibytes('VmRSS'), anon: mebibytes('RssAnon') };
}
