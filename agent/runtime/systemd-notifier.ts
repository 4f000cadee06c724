/**
 * Reports the agent's state to systemd (sd_notify(3)): ready, alive, a status line, stopping.
 * Without NOTIFY_SOCKET it does nothing.
 *
 * The watchdog checks progress, not only that the event loop turns. A keep-alive is sent unless a
 * request was waiting for its commit at the previous one and nothing has completed since. A full
 * disk, a missing disk and an unreachable collector are states that the agent survives, so they do
 * not stop the keep-alives.
 */
import { spawn } from 'node:child_process';
import type { Timers } from '../port/timers.ts';

export interface Progress {
  /** Unfinished work, as a phrase; null when there is none. */
  readonly begun: string | null;
  /** Changes whenever some of the work completes. */
  readonly mark: number;
}

export interface SystemdNotifier {
  /** Call when the agent listens. */
  ready(): void;
  /** Call when the agent begins to stop. */
  stopping(): void;
}

export interface SystemdNotifierOptions {
  /** NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are read from it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  /** Sends assignments to systemd; resolves once they are delivered. */
  readonly notify: (assignments: readonly string[]) => Promise<void>;
  readonly work: () => Progress;
  /** The agent's state in one line. */
  readonly describe: () => string;
  readonly timers: Timers;
  readonly warn: (message: string) => void;
}

/** Interval of the status line where there is no watchdog, milliseconds. */
const STATUS_MS = 60_000;

export function startSystemdNotifier(options: SystemdNotifierOptions): SystemdNotifier {
  const { environment, timers, warn } = options;
  if (!environment.NOTIFY_SOCKET) return { ready() {}, stopping() {} };

  const watchdogMs = watchdogOf(environment, options.pid);
  // A third of the watchdog's time: two keep-alives may be late or lost.
  const beatMs = watchdogMs === null ? STATUS_MS : watchdogMs / 3;
  let cancel = (): void => undefined;
  let stopped = false;
  let last: Progress = { begun: null, mark: 0 };
  let sent: Promise<void> = Promise.resolve();

  let announced = false;
  const send = (...assignments: string[]): Promise<void> => {
    // Strictly in order: each one is a process of its own, and READY=1 must not arrive after
    // STOPPING=1.
    sent = sent
      .then(async () => {
        await options.notify(announced ? assignments : ['READY=1', ...assignments]);
        announced = true;
      })
      .catch((error: Error) => warn(`cannot notify systemd of ${assignments.join(', ')}: ${error.message}`));
    return sent;
  };
  const status = (): string => `STATUS=${options.describe().replaceAll('\n', ' ')}`;
  const beat = async (): Promise<void> => {
    const work = options.work();
    const stuck = work.begun !== null && work.begun === last.begun && work.mark === last.mark;
    last = work;
    if (stuck) warn(`no progress for ${Math.round(beatMs / 1000)} s: ${work.begun}`);
    if (stuck) await send(`STATUS=no progress: ${work.begun}`);
    else await send(...(watchdogMs === null ? [] : ['WATCHDOG=1']), status());
    schedule();
  };
  const schedule = (): void => {
    if (!stopped) cancel = timers.after(beatMs, () => void beat());
  };

  return {
    ready() {
      void send(status()).then(schedule);
    },
    stopping() {
      stopped = true;
      cancel();
      void send('STOPPING=1', 'STATUS=stopping');
    },
  };
}

/**
 * The watchdog's timeout in milliseconds; null when it is off for this process
 * (sd_watchdog_enabled(3)).
 */
function watchdogOf(
  { WATCHDOG_USEC, WATCHDOG_PID }: SystemdNotifierOptions['environment'],
  pid: number,
): number | null {
  const ms = Number(WATCHDOG_USEC) / 1000;
  return ms > 0 && (WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === pid) ? ms : null;
}

/**
 * Runs systemd's own command, because Node has no Unix datagram sockets. The unit allows it with
 * NotifyAccess=all.
 *
 * @throws when the command is missing or fails
 */
export function systemdNotify(assignments: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('systemd-notify', assignments, { stdio: 'ignore' });
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`systemd-notify ended with ${code ?? signal}`)),
    );
  });
}
