/**
 * The external programs: Java to run HBase, Maven to download it once, and libfaketime where its
 * clock is to be set.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';

/** A program is not installed; the message says how to install it. */
export class ToolMissing extends Error {
  override readonly name = 'ToolMissing';
}

const HOW_TO_GET = {
  java: 'Java is missing: HBase needs a Java runtime, 11 or 17 (Debian: apt-get install openjdk-17-jre-headless)',
  mvn: 'Maven is missing: it downloads HBase once (Debian: apt-get install maven)',
} as const;

export type Tool = keyof typeof HOW_TO_GET;

export interface Outcome {
  readonly status: number | null;
  /** Interleaved standard output and error. */
  readonly output: string;
}

/**
 * Runs a program to its end, or kills it after `timeoutMs`. Rejects with `ToolMissing` if it is not
 * installed.
 */
export function runTool(tool: Tool, args: readonly string[], timeoutMs: number): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
    let output = '';
    const keep = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (fault: NodeJS.ErrnoException) =>
      reject(fault.code === 'ENOENT' ? new ToolMissing(HOW_TO_GET[tool]) : fault),
    );
    child.on('close', (status) => resolve({ status, output }));
  });
}

/** The library that moves the clock of the program it is preloaded into. @throws ToolMissing */
export function fakeTimeLibrary(): string {
  const [library] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1');
  if (library === undefined)
    throw new ToolMissing('libfaketime is missing: it sets the clock of HBase (Debian: apt-get install faketime)');
  return library;
}

/** Rejects with `ToolMissing` unless a Java for HBase 2.6 is installed. */
export async function requireJava(): Promise<void> {
  const { output } = await runTool('java', ['-version'], 30_000);
  const major = Number(/version "(\d+)/.exec(output)?.[1] ?? 0);
  if (major < 11) throw new ToolMissing(`${HOW_TO_GET.java}; here is: ${output.split('\n', 1)[0]}`);
}
