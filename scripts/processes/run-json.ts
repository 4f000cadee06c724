/** Runs a script that prints one JSON document. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { ROOT } from './child.ts';

const run = promisify(execFile);

/**
 * Runs a script of this repository and returns the JSON document that it printed.
 *
 * @param environment additions to this process's own
 * @throws Error with what the command wrote to standard error
 */
export async function runJson<T>(
  script: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<T> {
  const options = { cwd: ROOT, env: { ...process.env, ...environment } };
  try {
    const { stdout } = await run(process.execPath, [path.resolve(ROOT, script), ...args], options);
    return JSON.parse(stdout) as T;
  } catch (cause) {
    const message = (cause as { stderr?: string }).stderr?.trim();
    throw new Error(`${script} ${args[0] ?? ''}: ${message || (cause as Error).message}`, { cause });
  }
}
