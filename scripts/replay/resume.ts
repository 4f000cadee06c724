/** Resumes the replay of a merchant: safe only while its agents know the earlier refs. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ReplayOptions } from './options.ts';

interface Begun {
  readonly terminals: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** How long agents recognise a repeated ref (contract). */
const REPEATS_KNOWN_MS = 24 * 3_600_000;

/** @throws Error when the merchant was used before in a way that would count events twice */
export function continueOrBegin(folder: string, options: ReplayOptions, now: number): void {
  const file = path.join(folder, 'replay.json');
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, JSON.stringify({ terminals: options.terminals, at: now } satisfies Begun));
    return;
  }
  const begun = JSON.parse(readFileSync(file, 'utf8')) as Begun;
  if (begun.terminals !== options.terminals)
    throw new Error(
      `merchant ${options.merchant} was replayed with ${begun.terminals} terminals: with ${options.terminals}, repeats would reach other agents`,
    );
  if (now - begun.at > REPEATS_KNOWN_MS)
    throw new Error(
      `merchant ${options.merchant} was replayed more than 24 hours ago: its agents no longer know repeats; choose another merchant`,
    );
}
