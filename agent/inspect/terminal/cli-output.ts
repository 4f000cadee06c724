/** A command's output: its result goes to standard output, everything else to standard error. */
import type { Writable } from 'node:stream';
import { redact } from '../../../shared/event/card-data/card-data.ts';
import { type Colors, colorsFor } from './colors.ts';

export interface CliOutput {
  /** Writes part of the result. Resolves once there is room for more. */
  result(text: string): Promise<void>;
  /**
   * Writes a line to standard error. Card data is masked, because an error's message may hold any.
   */
  message(line: string): void;
  /** Draws a progress bar on a terminal. @param share 0 to 1 */
  progress(label: string, share: number): void;
  readonly colors: Colors;
  /** Whether some of the result was written. */
  readonly printed: boolean;
}

export type Terminal = Writable & { readonly isTTY?: boolean };

const BAR_WIDTH = 30;
const REDRAW_MS = 100;

export function cliOutputOn(
  output: Terminal,
  errors: Terminal,
  environment: Readonly<Record<string, string | undefined>>,
  now: () => number,
): CliOutput {
  const terminal = errors.isTTY === true;
  let drawn = Number.NEGATIVE_INFINITY;
  const clear = (): void => {
    if (drawn !== Number.NEGATIVE_INFINITY) errors.write('\r\x1b[K');
    drawn = Number.NEGATIVE_INFINITY;
  };
  let printed = false;
  return {
    get printed() {
      return printed;
    },
    colors: colorsFor(output.isTTY === true, environment),
    result(text) {
      printed = true;
      if (output.isTTY === true) clear();
      return new Promise((resolve) => {
        if (output.write(text)) resolve();
        else output.once('drain', resolve);
      });
    },
    message(line) {
      clear();
      errors.write(`${redact(line)}\n`);
    },
    progress(label, share) {
      if (!terminal) return;
      if (share >= 1) return clear();
      if (now() - drawn < REDRAW_MS) return;
      drawn = now();
      const full = Math.round(BAR_WIDTH * share);
      const bar = '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full);
      errors.write(`\r\x1b[K${label} ${bar} ${String(Math.floor(100 * share)).padStart(3)} %`);
    },
  };
}
