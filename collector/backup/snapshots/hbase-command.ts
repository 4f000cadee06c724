/**
 * The command `hbase` of an installed HBase. The Thrift2 gateway knows no snapshots, so they are
 * made, copied and cloned by HBase's own tools.
 */
import { spawn } from 'node:child_process';
import { BackupFailed } from '../files.ts';

/** Lines of its output that a failure shows. */
const LINES_SHOWN = 12;

export class HBaseCommand {
  readonly #path: string;
  readonly #signal: AbortSignal;
  readonly #tell: (line: string) => void;

  /**
   * @param signal ends what runs
   * @param tell gets what it begins to do
   */
  constructor(path: string, signal: AbortSignal, tell: (line: string) => void) {
    this.#path = path;
    this.#signal = signal;
    this.#tell = tell;
  }

  /** Commands of the HBase shell, one a line. */
  async shell(...lines: readonly string[]): Promise<void> {
    await this.run(['shell', '-n'], `${lines.join('\n')}\n`);
  }

  /**
   * @returns standard output
   * @throws BackupFailed when it is not there or fails, or the signal's reason
   */
  async run(args: readonly string[], input = ''): Promise<string> {
    this.#signal.throwIfAborted();
    this.#tell([...args, ...input.split('\n', 1)].join(' ').trimEnd());
    const child = spawn(this.#path, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let [output, errors] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    const onAbort = (): boolean => child.kill();
    this.#signal.addEventListener('abort', onAbort);
    // One that ends without reading closes the pipe.
    child.stdin.on('error', () => undefined).end(input);
    const { promise, resolve, reject } = Promise.withResolvers<number | null>();
    child.once('error', reject).once('close', resolve);
    try {
      const code = await promise;
      this.#signal.throwIfAborted();
      if (code !== 0)
        throw new BackupFailed(`${this.#path} ${args.join(' ')} failed:\n${lastOf(`${output}${errors}`)}`);
      return output;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new BackupFailed(`${this.#path} is not there: name HBase's own command with --hbase, or set HBASE_HOME`);
    } finally {
      this.#signal.removeEventListener('abort', onAbort);
    }
  }
}

const lastOf = (text: string): string => text.trimEnd().split('\n').slice(-LINES_SHOWN).join('\n');
