/** Where a command writes: its result to standard output, all else to standard error. */
import type { Writable } from 'node:stream';
import { redact } from '../../../shared/event/card-data/card-data.ts';
import { type Paint, paintFor } from './colors.ts';

export interface Screen {
  /** The result. Resolves once there is room for more. */
  print(text: string): Promise<void>;
  /** A line beside the result, without card data: a fault's words may hold any. */
  note(line: string): void;
  /** A progress bar, where somebody looks at a terminal. @param share 0 to 1 */
  progress(label: string, share: number): void;
  readonly paint: Paint;
  /** Whether there is anything of a result yet. */
  readonly printed: boolean;
}

export type Terminal = Writable & { readonly isTTY?: boolean };

const BAR_WIDTH = 30;
const REDRAW_MS = 100;

export function screenOn(
  output: Terminal,
  errors: Terminal,
  environment: Readonly<Record<string, string | undefined>>,
  now: () => number,
): Screen {
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
    paint: paintFor(output.isTTY === true, environment),
    print(text) {
      printed = true;
      if (output.isTTY === true) clear();
      return new Promise((resolve) => {
        if (output.write(text)) resolve();
        else output.once('drain', resolve);
      });
    },
    note(line) {
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
