/** A program that a page starts and leaves running, and what it has printed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export class Started {
  readonly #process: ChildProcess;
  stdout = '';
  stderr = '';

  constructor([command, ...words]: readonly [string, ...string[]], cwd: string, env: NodeJS.ProcessEnv) {
    this.#process = spawn(command, words, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.#process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return;
    const closed = once(this.#process, 'close');
    this.#process.kill('SIGTERM');
    await closed;
  }
}
