/** State for a second start: identities, and how far the history got. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface State {
  /** The merchant's API key. */
  readonly key: string;
  /** Of each terminal, in order. */
  readonly tokens: readonly string[];
  /**
   * Regenerates the same history if the first start was interrupted: its refs are then duplicates.
   */
  readonly seed: number;
  readonly timeZone: string;
  readonly history: {
    /** Milliseconds since 1970: where the history ends and live sales begin. */
    readonly until: number;
    readonly days: number;
    readonly sent: boolean;
  };
}

export class StateFile {
  readonly #path: string;

  constructor(folder: string) {
    this.#path = path.join(folder, 'quickstart.json');
  }

  /** @returns null before the first start. @throws Error when the file is damaged */
  read(): State | null {
    if (!existsSync(this.#path)) return null;
    try {
      return JSON.parse(readFileSync(this.#path, 'utf8')) as State;
    } catch (cause) {
      throw new Error(`${this.#path} is damaged: delete the folder to begin anew`, { cause });
    }
  }

  /** Replaces the file atomically. It contains secrets, so only the owner may read it. */
  write(state: State): void {
    const next = `${this.#path}.next`;
    writeFileSync(next, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
    renameSync(next, this.#path);
  }
}
