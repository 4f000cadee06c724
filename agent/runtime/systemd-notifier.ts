/**
 * What systemd is told of a running agent (sd_notify(3)): that it is ready, that it is alive, in words how it is, that it stops. Nothing
 * without NOTIFY_SOCKET, so nothing anywhere else.
 *
 * Alive is more than a loop that turns. A beat is sent unless something was begun and nothing of it was done since the beat before: a
 * request that still waits for its commit. A full disk, an absent one and a collector out of reach are states that the agent lives in, and no
 * reason to be ended.
 */
import { spawn } from 'node:child_process';
import type { Timers } from '../port/timers.ts';

export interface Progress {
  /** What was begun and is not done, in words; null when there is nothing. */
  readonly begun: string | null;
  /** Another one whenever some of it was done. */
  readonly mark: number;
}

export interface SystemdNotifier {
  /** The agent listens. */
  ready(): void;
  /** It was told to stop. */
  stopping(): void;
}

export interface SystemdNotifierOptions {
  /** Of this, NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are read. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  /** Resolves once they are told. */
  readonly tell: (assignments: readonly string[]) => Promise<void>;
  readonly work: () => Progress;
  /** How the agent is, in a line. */
  readonly words: () => string;
  readonly timers: Timers;
  readonly warn: (message: string) => void;
}

/** Of the words, where there is no watchdog, milliseconds. */
const WORDS_MS = 60_000;

export function startSystemdNotifier(options: SystemdNotifierOptions): SystemdNotifier {
  const { environment, timers, warn } = options;
  if (!environment.NOTIFY_SOCKET) return { ready() {}, stopping() {} };

  const watchdogMs = watchdogOf(environment, options.pid);
  // Two may be late or lost.
  const beatMs = watchdogMs === null ? WORDS_MS : watchdogMs / 3;
  let cancel = (): void => undefined;
  let stopped = false;
  let last: Progress = { begun: null, mark: 0 };
  let told: Promise<void> = Promise.resolve();

  let announced = false;
  const tell = (...assignments: string[]): Promise<void> => {
    // One after the other: each is a process of its own, and READY=1 must not come after STOPPING=1.
    told = told
      .then(async () => {
        await options.tell(announced ? assignments : ['READY=1', ...assignments]);
        announced = true;
      })
      .catch((error: Error) => warn(`systemd cannot be told ${assignments.join(', ')}: ${error.message}`));
    return told;
  };
  const status = (): string => `STATUS=${options.words().replaceAll('\n', ' ')}`;
  const beat = async (): Promise<void> => {
    const work = options.work();
    const stuck = work.begun !== null && work.begun === last.begun && work.mark === last.mark;
    last = work;
    if (stuck) warn(`no progress for ${Math.round(beatMs / 1000)} s: ${work.begun}`);
    if (stuck) await tell(`STATUS=no progress: ${work.begun}`);
    else await tell(...(watchdogMs === null ? [] : ['WATCHDOG=1']), status());
    again();
  };
  const again = (): void => {
    if (!stopped) cancel = timers.after(beatMs, () => void beat());
  };

  return {
    ready() {
      void tell(status()).then(again);
    },
    stopping() {
      stopped = true;
      cancel();
      void tell('STOPPING=1', 'STATUS=stopping');
    },
  };
}

/** Milliseconds; null when systemd watches nothing here (sd_watchdog_enabled(3)). */
function watchdogOf(
  { WATCHDOG_USEC, WATCHDOG_PID }: SystemdNotifierOptions['environment'],
  pid: number,
): number | null {
  const ms = Number(WATCHDOG_USEC) / 1000;
  return ms > 0 && (WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === pid) ? ms : null;
}

/**
 * By systemd's own command, since Node has no datagram sockets of the Unix domain; the unit allows it with NotifyAccess=all.
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
