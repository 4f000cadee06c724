/** The machine's clocks as they are read. An argument, so that tests drive them. */
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { uptime } from 'node:os';

export interface MachineClocks {
  /** Names the start of the operating system: its monotonic clock goes on until the next. */
  readonly boot: string;
  /** What `monotonic` showed when `performance.now()` showed 0. */
  readonly processStart: number;
  /** Milliseconds since 1970. Anybody may set it. */
  wall(): number;
  /** Milliseconds from some instant of this boot on; never goes back. Linux stops it while the machine is suspended. */
  monotonic(): number;
  /** The same with suspends, to 10 ms, from the start of the boot on; null where `monotonic` counts them, or nothing tells. */
  uptime(): number | null;
}

/** A container may have a monotonic clock of its own: then that is what goes on. */
function linuxBoot(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  try {
    return `${boot} ${readlinkSync('/proc/self/ns/time')}`;
  } catch {
    // A kernel before 5.6 has no such thing.
    return boot;
  }
}

/** Where the system does not tell its boot, each process is one of its own. */
function bootOf(linux: boolean): string {
  try {
    if (linux) return linuxBoot();
  } catch {
    // No /proc.
  }
  return randomUUID();
}

export function machineClocks(): MachineClocks {
  const linux = process.platform === 'linux';
  const processStart = Number(process.hrtime.bigint()) / 1e6 - performance.now();
  return {
    boot: bootOf(linux),
    processStart,
    wall: () => Date.now(),
    monotonic: () => processStart + performance.now(),
    // Of /proc/uptime, which counts suspends.
    uptime: linux ? () => uptime() * 1000 : () => null,
  };
}
