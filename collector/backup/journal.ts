/**
 * The journal of a set that is being written: what of it is on disk, so that a backup that was
 * interrupted goes on where it ended. One line of JSON a step; a line that was cut off does not
 * count.
 */
import { readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { BackupFailed, makeFolder, writeDurably } from './files.ts';
import { type BackedUp, type FileEntry, type Manifest, sum } from './manifest.ts';

export const UNFINISHED = 'unfinished';
const FILE = 'journal.jsonl';
/** A backup on another machine writes more often: one that does not has ended. */
const SILENT_MS = 10 * 60_000;

/** What a backup is of; another one does not go on with it. */
export type Plan = Pick<Manifest, 'kind' | 'base' | 'store' | 'startedAt' | 'since'>;

type Step =
  | { readonly plan: Plan }
  | { readonly host: string; readonly pid: number }
  | { readonly table: BackedUp; readonly begun: true }
  | { readonly table: BackedUp; readonly file: FileEntry }
  | { readonly table: BackedUp; readonly ended: true };

export class Journal {
  readonly folder: string;
  readonly plan: Plan;
  /** Whether it goes on with a set that was begun before. */
  readonly isResumed: boolean;
  readonly files: Readonly<Record<BackedUp, FileEntry[]>> = { events: [], terminals: [], control: [] };
  readonly #ended = new Set<BackedUp>();
  #rows = 0;
  #bytes = 0;

  private constructor(folder: string, plan: Plan, isResumed: boolean) {
    this.folder = folder;
    this.plan = plan;
    this.isResumed = isResumed;
  }

  /**
   * Goes on with the unfinished set in `dir` if `isSame` says that it is what would be made now,
   * else begins one.
   *
   * @throws BackupFailed when another process writes it
   */
  static async open(dir: string, plan: Plan, isSame: (found: Plan) => boolean): Promise<Journal> {
    const folder = join(dir, UNFINISHED);
    const steps = await readSteps(folder);
    await refuseTaken(folder, steps);
    const [first] = steps;
    const found = first !== undefined && 'plan' in first ? first.plan : null;
    const isResumed = found !== null && isSame(found);
    if (!isResumed) {
      await rm(folder, { recursive: true, force: true });
      await makeFolder(folder);
    }
    const journal = new Journal(folder, isResumed ? found : plan, isResumed);
    if (isResumed) for (const step of steps) journal.#apply(step);
    else await journal.#write({ plan });
    await journal.#write({ host: hostname(), pid: process.pid });
    return journal;
  }

  /** What the files hold so far. */
  get written(): { readonly rows: number; readonly bytes: number } {
    return { rows: this.#rows, bytes: this.#bytes };
  }

  hasEnded(table: BackedUp): boolean {
    return this.#ended.has(table);
  }

  /** The table's files are written anew. */
  begin(table: BackedUp): Promise<void> {
    return this.#write({ table, begun: true });
  }

  /** The file is on disk. */
  add(table: BackedUp, file: FileEntry): Promise<void> {
    return this.#write({ table, file });
  }

  end(table: BackedUp): Promise<void> {
    return this.#write({ table, ended: true });
  }

  /** The set is complete. */
  remove(): Promise<void> {
    return rm(join(this.folder, FILE));
  }

  async #write(step: Step): Promise<void> {
    await writeDurably(join(this.folder, FILE), `${JSON.stringify(step)}\n`, 'a');
    this.#apply(step);
  }

  #apply(step: Step): void {
    if (!('table' in step)) return;
    const files = this.files[step.table];
    if ('begun' in step) {
      this.#rows -= sum(files, 'rows');
      this.#bytes -= sum(files, 'bytes');
      files.length = 0;
    } else if ('file' in step) {
      this.#rows += step.file.rows;
      this.#bytes += step.file.bytes;
      files.push(step.file);
    } else this.#ended.add(step.table);
  }
}

async function readSteps(folder: string): Promise<Step[]> {
  const text = await readFile(join(folder, FILE), 'utf8').catch(() => '');
  const steps: Step[] = [];
  for (const line of text.split('\n').slice(0, -1)) {
    try {
      steps.push(JSON.parse(line) as Step);
    } catch {
      return [];
    }
  }
  return steps;
}

async function refuseTaken(folder: string, steps: readonly Step[]): Promise<void> {
  const taker = steps.findLast((step) => 'pid' in step);
  if (taker === undefined) return;
  const { host, pid } = taker;
  const isHere = host === hostname();
  const isTaken = isHere ? pid !== process.pid && isAlive(pid) : await isRecent(join(folder, FILE));
  if (!isTaken) return;
  throw new BackupFailed(
    `process ${pid}${isHere ? '' : ` on ${host}`} writes a backup into ${folder}: wait for its end. If that is no backup, remove the folder`,
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (fault) {
    return (fault as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const isRecent = async (path: string): Promise<boolean> => Date.now() - (await stat(path)).mtimeMs < SILENT_MS;
