/**
 * Reads the files of `mqtt.tls` again when they change, and presents them to new connections.
 *
 *     same ──other identity──▶ changing ──the same for one poll──▶ judged: taken, or refused
 *
 * Invariant: what is served was whole, a pair, and in time when it was taken; a refused change
 * leaves it. What was refused is judged again each minute: a certificate may begin later.
 */
import { stat } from 'node:fs/promises';
import {
  type Certificates,
  certificatesOf,
  earliestEnd,
  outOfTime,
  readTls,
  type TlsFiles,
  type TlsPaths,
  whyNotReplace,
} from '../config/tls-files.ts';

export interface TlsMetrics {
  readonly reloaded: (outcome: 'taken' | 'refused') => void;
  /** Days until the first certificate of the file ends; negative: since it ended. */
  readonly expires: (file: 'cert' | 'ca', days: number) => void;
}

export interface TlsReloadOptions {
  readonly paths: TlsPaths;
  /** What is served so far, as `readTls` returned it. */
  readonly served: TlsFiles;
  readonly present: (files: TlsFiles) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly metrics: TlsMetrics;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
}

/** How often what was refused is judged again. */
const JUDGE_AGAIN_MS = 60_000;
/** How often the same refusal is logged. */
const TELL_AGAIN_MS = 3_600_000;
const DAY_MS = 86_400_000;

interface Refused {
  readonly reason: string;
  readonly toldAt: number;
  readonly judgedAt: number;
}

export class TlsReload {
  readonly #options: TlsReloadOptions;
  #served: TlsFiles;
  #certificates: Certificates;
  /** Identity of the files at the last poll, and when they were judged last. */
  #seen = '';
  #judged = '';
  #refused: Refused | null = null;
  #polling = false;

  constructor(options: TlsReloadOptions) {
    this.#options = options;
    this.#served = options.served;
    this.#certificates = certificatesOf(options.served);
    const fault = outOfTime(this.#certificates, options.now());
    if (fault !== null) options.log.warn({ reason: fault }, 'mqtt.tls: tills will refuse this certificate');
    this.#measure();
  }

  /** Call every few seconds: three `stat` if nothing changed. Never rejects. */
  async poll(): Promise<void> {
    // A file system that does not answer holds one poll.
    if (this.#polling) return;
    this.#polling = true;
    const { ca, cert, key } = this.#options.paths;
    const identities = await Promise.all([key, cert, ...(ca === null ? [] : [ca])].map(identityOf));
    this.#polling = false;
    this.#measure();
    const identity = identities.join();
    // Files that change between two polls may be half-written.
    const settled = identity === this.#seen;
    this.#seen = identity;
    const again = this.#refused !== null && this.#options.clock() - this.#refused.judgedAt >= JUDGE_AGAIN_MS;
    if (!settled || (identity === this.#judged && !again)) return;
    this.#judged = identity;
    this.reload();
  }

  /** Judges the files as they are now. */
  reload(): void {
    const { log } = this.#options;
    try {
      const files = readTls(this.#options.paths);
      if (!this.#isServed(files)) this.#take(files, certificatesOf(files));
      else if (this.#refused !== null) log.info({}, 'mqtt.tls: the files are again those that are in use');
      this.#refused = null;
    } catch (error) {
      this.#refuse((error as Error).message);
    }
  }

  #isServed(files: TlsFiles): boolean {
    return (['key', 'cert', 'ca'] as const).every((part) => files[part] === this.#served[part]);
  }

  /** @throws Error why it must not be taken */
  #take(files: TlsFiles, certificates: Certificates): void {
    const { present, now, metrics, log } = this.#options;
    const reason = whyNotReplace(certificates, this.#certificates, now());
    if (reason !== null) throw new Error(reason);
    present(files);
    this.#served = files;
    this.#certificates = certificates;
    metrics.reloaded('taken');
    this.#measure();
    const ends = new Date(earliestEnd(certificates.chain)).toISOString();
    log.info({ subject: certificates.chain[0]!.subject, ends }, 'mqtt.tls: new connections get the new files');
  }

  #refuse(reason: string): void {
    const { clock, metrics, log } = this.#options;
    const at = clock();
    const before = this.#refused;
    const tell = before?.reason !== reason || at - before.toldAt >= TELL_AGAIN_MS;
    this.#refused = { reason, judgedAt: at, toldAt: tell ? at : before.toldAt };
    metrics.reloaded('refused');
    if (tell) log.warn({ reason }, 'mqtt.tls: the files as they are now are not taken; the earlier ones stay in use');
  }

  #measure(): void {
    const { metrics, now } = this.#options;
    const { chain, authorities } = this.#certificates;
    const days = (end: number): number => (end - now()) / DAY_MS;
    metrics.expires('cert', days(earliestEnd(chain)));
    if (authorities.length > 0) metrics.expires('ca', days(earliestEnd(authorities)));
  }
}

/** Changes with each write, and when a link points elsewhere. */
async function identityOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}
