/**
 * Remembers over restarts what was learned of the path to each of the collector's addresses, in the
 * file `<buffer>.line`: docs/formats/line-file.md. It is a hint: without it, learning begins anew.
 */
import { readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import type { Address } from '../ship/connection/endpoint.ts';
import { KeepAlive, type LearnedKeepAlive } from '../ship/connection/keep-alive.ts';

const VERSION = 1;

interface Path extends LearnedKeepAlive {
  readonly url: string;
}

/** A path leads through a proxy or not: either cuts. */
const urlOf = ({ protocol, host, port, path, proxy }: Address): string => {
  const url = `${protocol}://${host}:${port}${path ?? ''}`;
  return proxy === undefined ? url : `${url} through ${proxy.host}:${proxy.port}`;
};

export class KeepAliveFile {
  readonly #path: string;
  readonly #warn: (message: string) => void;
  readonly #learned: Map<string, LearnedKeepAlive>;
  readonly #keepAlives = new Map<string, KeepAlive>();
  #writing: Promise<void> = Promise.resolve();

  /**
   * @param buffer path of the buffer
   * @param addresses of the collector; what is known of others is forgotten
   */
  constructor(buffer: string, addresses: readonly Address[], warn: (message: string) => void) {
    this.#path = `${buffer}.line`;
    this.#warn = warn;
    const urls = addresses.map(urlOf);
    const known = read(this.#path).filter(({ url }) => urls.includes(url));
    this.#learned = new Map(known.map(({ url, seconds, cutAfterMs }) => [url, { seconds, cutAfterMs }]));
  }

  of(address: Address): KeepAlive {
    const url = urlOf(address);
    const known = this.#keepAlives.get(url);
    if (known !== undefined) return known;
    const keepAlive = new KeepAlive(this.#learned.get(url) ?? null, (learned) => {
      this.#learned.set(url, learned);
      this.#writing = this.#writing.then(() => this.#write());
    });
    this.#keepAlives.set(url, keepAlive);
    return keepAlive;
  }

  /** Resolves when what was learned so far is written, or could not be. */
  get written(): Promise<void> {
    return this.#writing;
  }

  async #write(): Promise<void> {
    const paths = Array.from(this.#learned, ([url, learned]): Path => ({ url, ...learned }));
    try {
      const file = await open(`${this.#path}.new`, 'w', 0o600);
      try {
        await file.writeFile(`${JSON.stringify({ version: VERSION, paths })}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${this.#path}.new`, this.#path);
    } catch (error) {
      this.#warn(`${this.#path}: the keep-alive cannot be remembered: ${(error as Error).message}`);
    }
  }
}

/** @returns nothing where the file is absent, damaged, or of another version */
function read(path: string): Path[] {
  try {
    const { version, paths } = JSON.parse(readFileSync(path, 'utf8')) as { version?: unknown; paths?: unknown };
    return version === VERSION && Array.isArray(paths) ? paths.filter(isPath) : [];
  } catch {
    return [];
  }
}

function isPath(entry: unknown): entry is Path {
  if (typeof entry !== 'object' || entry === null) return false;
  const { url, seconds, cutAfterMs } = entry as Partial<Path>;
  return typeof url === 'string' && isPositive(seconds) && (cutAfterMs === null || isPositive(cutAfterMs));
}

const isPositive = (value: unknown): value is number => typeof value === 'number' && value > 0;
