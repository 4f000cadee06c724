/** Memory and CPU time of a process, from the kernel's accounts. */
import { readFileSync } from 'node:fs';

export interface Memory {
  /** MiB, including shared pages. */
  readonly rss: number;
  /** MiB of private pages. */
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

/** `getconf CLK_TCK` of every Linux that Node runs on. */
const TICKS_A_SECOND = 100;

/** CPU seconds used so far, in user and kernel mode; null where there is no /proc. */
export function cpuSecondsOf(pid: number): number | null {
  try {
    // The second field, the command name, may contain spaces: fields are counted from its closing
    // parenthesis (proc(5)).
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
  } catch {
    return null;
  }
}
