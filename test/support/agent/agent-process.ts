/** A real agent in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Test } from 'tap';
import { NODE_FLAGS } from '../../../scripts/package/runtime-flags.ts';
import { killedAtEnd } from '../system/killed-at-end.ts';

export interface AgentProcess {
  readonly child: ChildProcess;
  readonly port: number;
  readonly stream: string;
  readonly url: string;
  /** What it has logged so far. */
  log(): string;
  /** Resolves with its exit status, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

export interface Finished {
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Of Node: the agent as it is, or the bundled one that TILLSTREAM_AGENT names, with what a till starts it with. */
const { TILLSTREAM_AGENT: bundled } = process.env;
const AGENT = bundled === undefined ? ['agent/main.ts'] : [...NODE_FLAGS, bundled];

/** Writes a configuration. @returns its path */
export function writeConfig(directory: string, more: Record<string, unknown> = {}): string {
  const path = join(directory, 'agent.yaml');
  const config = {
    merchant: 'acme',
    terminal: 'till-1',
    collector: { urls: ['mqtt://127.0.0.1:1'], token: 'secret' },
    buffer: { path: join(directory, 'buffer.db') },
    ingest: { port: 0 },
    ...more,
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

/** Runs a command of the agent's to its end. */
export function runAgent(...words: string[]): Promise<Finished> {
  return finished([process.execPath, ...AGENT, ...words]);
}

/** The same, held to the permissions of files even where root runs the tests. */
export function runAgentWithPermissions(...words: string[]): Promise<Finished> {
  // Root without this capability may still read what is its own. Another user could not read a checkout in root's folder.
  const unprivileged = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override'] : [];
  return finished([...unprivileged, process.execPath, ...AGENT, ...words]);
}

async function finished([command, ...args]: readonly string[]): Promise<Finished> {
  const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { status: code ?? signal!, stdout, stderr };
}

/**
 * Starts `run` and waits until it takes events; killed at the test's end, before its folder is removed.
 * @throws with what it said when it does not
 */
export async function startAgentProcess(t: Test, config: string): Promise<AgentProcess> {
  const child = spawn(process.execPath, [...AGENT, 'run', '--config', config, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  killedAtEnd(t, child);
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log += chunk;
  });
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([once(lines, 'line').then(([line]) => line as string), ended.then(() => null)]);
  if (first === null) throw new Error(`the agent did not start: ${log}`);
  const { port, stream } = JSON.parse(first) as { port: number; stream: string };
  return { child, port, stream, url: `http://127.0.0.1:${port}`, log: () => log, ended };
}
