/** A child process that a script starts, watches and stops. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { until } from './wait-until.ts';

export const ROOT = path.resolve(import.meta.dirname, '../..');
const FOLLOW_PARENT = new URL('./follow-parent.mjs', import.meta.url).href;

export interface ChildSpec {
  /** Display name, such as `collector`. */
  readonly name: string;
  /** A script of this repository and its arguments, such as `['agent/main.ts', 'run']`. */
  readonly command: readonly string[];
  /** Modules to preload. */
  readonly preloads?: readonly string[];
  /** File to which its output is appended. */
  readonly log: string;
  /** Node's flags, and additions to this process's environment. */
  readonly runtime?: Runtime;
}

export interface Runtime {
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export const PLAIN: Runtime = { flags: [], environment: {} };

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Log lines to show when a process does not start. */
const TAIL_LINES = 12;

export class Child {
  readonly name: string;
  readonly log: string;
  readonly exited: Promise<Exit>;
  readonly #process: ChildProcess;
  #exit: Exit | null = null;

  constructor(spec: ChildSpec) {
    this.name = spec.name;
    this.log = spec.log;
    const [script, ...rest] = spec.command;
    const { flags, environment } = spec.runtime ?? PLAIN;
    const log = openSync(spec.log, 'a');
    try {
      const preloads = [FOLLOW_PARENT, ...(spec.preloads ?? [])].flatMap((module) => ['--import', module]);
      this.#process = spawn(process.execPath, [...flags, ...preloads, path.resolve(ROOT, script!), ...rest], {
        cwd: ROOT,
        env: { ...process.env, ...environment },
        stdio: ['ignore', log, log, 'ipc'],
        // A terminal's Ctrl-C reaches its whole process group; in its own group the child is
        // stopped in order.
        detached: true,
        windowsHide: true,
      });
    } finally {
      closeSync(log);
    }
    this.exited = new Promise((resolve) => {
      const ended = (exit: Exit): void => {
        this.#exit ??= exit;
        resolve(this.#exit);
      };
      this.#process.once('error', () => ended({ code: null, signal: null }));
      this.#process.once('exit', (code, signal) => ended({ code, signal }));
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get running(): boolean {
    return this.#exit === null;
  }

  /**
   * @throws Error with the log's last lines when the process ends or the deadline passes before it
   *   is ready
   */
  async ready(isReady: () => Promise<boolean>, deadlineMs: number, signal?: AbortSignal): Promise<void> {
    try {
      await until(
        () => {
          if (this.#exit !== null) throw new Error('it ended');
          return isReady();
        },
        { what: `${this.name} to be ready`, deadlineMs, ...(signal && { signal }) },
      );
    } catch (cause) {
      signal?.throwIfAborted();
      throw new Error(`${this.name} did not start: ${(cause as Error).message}\n${this.#tail()}\n(${this.log})`, {
        cause,
      });
    }
  }

  /** SIGTERM, and after `graceMs` SIGKILL. @returns how it ended */
  async stop(graceMs: number): Promise<Exit> {
    this.#process.kill('SIGTERM');
    const hard = setTimeout(() => this.#process.kill('SIGKILL'), graceMs);
    const exit = await this.exited;
    clearTimeout(hard);
    return exit;
  }

  /** SIGKILL: no handler runs, no file is closed. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.exited;
  }

  #tail(): string {
    return readFileSync(this.log, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  }
}
