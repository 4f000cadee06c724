/** One shell for all commands of a page, as a reader has one: variables stay. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const DEADLINE_MS = 60_000;

export class Shell implements AsyncDisposable {
  readonly #process: ChildProcess;
  #stdout = '';
  #stderr = '';
  #runs = 0;

  constructor(cwd: string, env: NodeJS.ProcessEnv) {
    this.#process = spawn('sh', [], { cwd, env, stdio: 'pipe' });
    this.#process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.#process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
  }

  /** Runs it to its end. @throws when it does not come to one */
  async run(command: string): Promise<Finished> {
    const end = `end-of-command-${++this.#runs}`;
    const status = new RegExp(`\n${end} (\\d+)\n`);
    this.#stdout = '';
    this.#stderr = '';
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    // Standard input is the script: no command may read on in it.
    this.#process.stdin!.write(`{\n${command}\n} </dev/null\nprintf '\\n%s %s\\n' ${end} "$?"\n`);
    for (;;) {
      const found = status.exec(this.#stdout);
      if (found !== null)
        return { status: Number(found[1]), stdout: this.#stdout.slice(0, found.index), stderr: this.#stderr };
      await once(this.#process.stdout!, 'data', { signal: deadline }).catch((cause: unknown) => {
        this.#process.kill('SIGKILL');
        throw new Error(`it did not end: ${command}\n${this.#stderr}`, { cause });
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.stdin!.end();
    await ended;
  }
}
