/** Reads the machine's clocks. An interface, so that tests can drive them. */
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { uptime } from 'node:os';

export interface MachineClocks {
  /** Identifies the boot of the operating system; the monotonic clock is continuous within one. */
  readonly boot: string;
  /** What `monotonic` showed when `performance.now()` showed 0. */
  readonly processStart: number;
  /** Milliseconds since 1970. Any administrator can set it. */
  wall(): number;
  /**
   * Milliseconds since some instant of this boot; never goes back. On Linux, suspends are not
   * counted.
   */
  monotonic(): number;
  /**
   * Milliseconds since the boot, suspends included, to 10 ms; null where `monotonic` counts them or
   * it is unknown.
   */
  uptime(): number | null;
}

/** Includes the time namespace: a container may have its own monotonic clock. */
function linuxBoot(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  try {
    return `${boot} ${readlinkSync('/proc/self/ns/time')}`;
  } catch {
    // Kernels before 5.6 have no time namespaces.
    return boot;
  }
}

/** Where the system does not expose its boot id, each process counts as a boot of its own. */
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
    // From /proc/uptime, which counts suspends.
    uptime: linux ? () => uptime() * 1000 : () => null,
  };
}
