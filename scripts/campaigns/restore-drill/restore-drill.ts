/**
 * The restore drill: sell on three days, back up after the first two, destroy the store on the
 * third, restore yesterday's backup, and let the tills send today's sales again.
 *
 * The judge is independent of the product: it has what the tills were answered for, and asks the
 * merchants' API. Before the loss and after the restore every figure must be what a naive count of
 * the sales gives, also before the figures are rolled up anew.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { history } from '../../simulate/history.ts';
import { seeded } from '../../simulate/random.ts';
import { type Campaign, wholeNumber } from '../port/campaign.ts';
import { type LocalStore, type StoreKind, startStore } from '../stores/local-store.ts';
import { DrillRegion, type RolledUp } from './drill-region.ts';
import { type Books, judge, type Sent } from './judge.ts';

const HOUR_MS = 3_600_000;
/** On the third day agents no longer keep the sales of the first, but those of the second. */
const DAYS = [
  { name: 'day before yesterday', hours: -47 },
  { name: 'yesterday', hours: -23 },
  { name: 'today', hours: 0 },
] as const;
const SHOPS = [
  { merchant: 'chai', timeZone: 'Asia/Kolkata', currency: 'INR' },
  { merchant: 'tea', timeZone: 'Europe/London', currency: 'GBP' },
] as const;

export interface DrillSettings {
  readonly folder: string;
  readonly store: StoreKind;
  /** Of each of the two merchants. */
  readonly tills: number;
  readonly seed: number;
  /** Wait until the agents have let the first day's sales go, a minute or so. */
  readonly forgets: boolean;
  /** Back up by HBase's own snapshots. */
  readonly snapshots: boolean;
}

export interface DrillReport {
  readonly steps: readonly Step[];
  readonly faults: string[];
}

interface Step {
  readonly step: string;
  readonly seconds: number;
  readonly detail: string;
}

interface SetDocument {
  readonly set: string;
  readonly kind: string;
  /** Left out of snapshots. */
  readonly rows?: { readonly events: number };
  readonly bytes: number;
}

type Progress = (done: number, total: number, message: string) => void;
const STEPS = 17;

class Drill {
  readonly #settings: DrillSettings;
  readonly #random: () => number;
  readonly #progress: Progress;
  readonly #region: DrillRegion;
  readonly steps: Step[] = [];
  readonly faults: string[] = [];
  readonly #books: readonly (Books & { readonly sent: Sent[] })[] = SHOPS.map((shop) => ({ ...shop, sent: [] }));

  /** Events of each day. */
  readonly #sold: number[] = [];

  constructor(settings: DrillSettings, region: DrillRegion, random: () => number, progress: Progress) {
    this.#settings = settings;
    this.#region = region;
    this.#random = random;
    this.#progress = progress;
  }

  get #count(): number {
    return this.#sold.reduce((sum, count) => sum + count, 0);
  }

  async run(): Promise<void> {
    const region = this.#region;
    const sets: SetDocument[] = [];
    for (const day of DAYS) {
      await this.#sell(day);
      if (day.name !== 'today') sets.push(await this.#backUp());
    }
    if (this.#settings.forgets) await this.#forget();
    await this.#rollUp('rolled up');
    await this.#judge('figures before the loss');
    await this.#step('the collector is killed, the store destroyed', async () => {
      const bytes = await region.store.bytes();
      await region.collector.child.kill();
      await region.store.destroy();
      return `${sizeOf(bytes)} of the store's files are gone`;
    });
    await this.#restore(sets.at(-1)!);
    await this.#step('the tills send again', async () => {
      await region.startCollector();
      const kept = await region.kept();
      await region
        .refilled(new Map(this.#books.map(({ merchant, sent }) => [merchant, sent.length])))
        .catch((error: Error) => this.faults.push(error.message));
      const events = await region.counter('ingest_events_stored_total');
      return `${events} of ${this.#count} events, all of the ${kept} that they kept`;
    });
    await this.#judge('figures, folded from the raw log');
    const { hours } = await this.#rollUp('rolled up anew');
    if (hours === 0) this.faults.push('no hour was rolled up after the restore');
    await this.#judge('figures, rolled up anew');
  }

  async #forget(): Promise<void> {
    await this.#step('the tills forget what they kept for 24 hours', async () => {
      await this.#region.forgotten(this.#sold.slice(1).reduce((sum, count) => sum + count, 0));
      return `${await this.#region.kept()} of ${this.#count} events are kept`;
    });
  }

  async #sell({ name, hours }: (typeof DAYS)[number]): Promise<void> {
    await this.#step(`sales of ${name}`, async () => {
      await this.#region.startAt(hours);
      const until = Date.now() + hours * HOUR_MS;
      let count = 0;
      for (const { merchant, timeZone, currency, sent } of this.#books) {
        const sales = terminalsOf(this.#settings.tills).flatMap((terminal): Sent[] => {
          const refPrefix = `${terminal}-${hours}`;
          const shop = { currency, timeZone, refPrefix, cashiers: ['ada', 'bo'], random: this.#random };
          return [...history({ ...shop, until, days: 1 })].map((event) => ({ terminal, event }));
        });
        await this.#region.sell(merchant, sales, this.#random);
        sent.push(...sales);
        count += sales.length;
      }
      this.#sold.push(count);
      return `${count} events`;
    });
  }

  async #backUp(): Promise<SetDocument> {
    const set = await this.#step('backup', async () => {
      const set = await this.#region.command<SetDocument>('backup', '--to', ...this.#place);
      const batches = set.rows === undefined ? '' : `${set.rows.events} batches, `;
      return [`${set.kind}, ${batches}${sizeOf(set.bytes)}`, set] as const;
    });
    await this.#step('verify-backup', async () => {
      const { sets } = await this.#region.command<{ sets: SetDocument[] }>('verify-backup', '--from', ...this.#place);
      return `${sets.map(({ kind }) => kind).join(' and ')}, ${sizeOf(sets.reduce((sum, { bytes }) => sum + bytes, 0))}`;
    });
    return set;
  }

  async #restore({ set }: SetDocument): Promise<void> {
    await this.#step('restore', async () => {
      const args = ['restore', '--from', ...this.#place, '--set', set];
      interface Restored {
        readonly rows: { readonly events: number };
        readonly bytes: number;
        readonly hours: number;
      }
      const { rows, bytes, hours } = await this.#region.command<Restored>(...args);
      return `${set}: ${rows.events} batches from ${sizeOf(bytes)}, ${hours} hours due`;
    });
  }

  /** Where backups go, and how. */
  get #place(): string[] {
    const { backupFolder, store } = this.#region;
    if (!this.#settings.snapshots) return [backupFolder];
    return [pathToFileURL(backupFolder).href, '--snapshots', '--no-file-checksums', '--hbase', store.tool!];
  }

  #rollUp(name: string): Promise<RolledUp> {
    return this.#step(name, async () => {
      const done = await this.#region.rollUp();
      return [`${done.hours} hours, ${done.days} days`, done] as const;
    });
  }

  async #judge(name: string): Promise<void> {
    await this.#step(name, async () => {
      let figures = 0;
      for (const books of this.#books) {
        const verdict = await judge(this.#region.api(books.merchant), books);
        figures += verdict.figures;
        this.faults.push(...verdict.faults.map((fault) => `${name}: ${fault}`));
      }
      return `${figures} compared, ${this.faults.length} differ`;
    });
  }

  async #step<T = undefined>(step: string, work: () => Promise<string | readonly [string, T]>): Promise<T> {
    this.#progress(this.steps.length, STEPS, step);
    const start = performance.now();
    const outcome = await work();
    const [detail, value] = typeof outcome === 'string' ? [outcome, undefined as T] : outcome;
    this.steps.push({ step, seconds: Math.round((performance.now() - start) / 100) / 10, detail });
    return value;
  }
}

const terminalsOf = (tills: number): string[] => Array.from({ length: tills }, (_, i) => `till-${i + 1}`);
const sizeOf = (bytes: number): string =>
  bytes < 2 ** 20 ? `${Math.ceil(bytes / 2 ** 10)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;

export async function restoreDrill(settings: DrillSettings, progress: Progress): Promise<DrillReport> {
  const { folder, tills, seed } = settings;
  const log = (line: string): void => progress(0, STEPS, line);
  const store: LocalStore = await startStore(settings.store, path.join(folder, 'store'), DAYS[0].hours, log);
  let region: DrillRegion | null = null;
  try {
    const shops = SHOPS.map(({ merchant }) => ({ merchant, terminals: terminalsOf(tills) }));
    region = await DrillRegion.create(path.join(folder, 'region'), store, shops);
    const drill = new Drill(settings, region, seeded(seed), progress);
    await drill.run();
    return { steps: drill.steps, faults: drill.faults };
  } finally {
    await region?.stop();
    await store.stop();
  }
}

const textOf = ({ steps, faults }: DrillReport): string =>
  [
    ...steps.map(({ step, seconds, detail }) => `${seconds.toFixed(1).padStart(7)} s  ${step}: ${detail}`),
    ...faults.map((fault) => `FAULT: ${fault}`),
  ].join('\n');

export const campaign: Campaign = {
  summary: 'destroy the store, restore yesterday’s backup, let the tills send today again; every figure must be right',
  examples: ['', '--snapshots', '--store sqlite --tills 2'],
  options: {
    store: { type: 'string' },
    snapshots: { type: 'boolean' },
    tills: { type: 'string' },
    seed: { type: 'string' },
  },
  help: [
    '--store S   hbase (the default; a real one, on this machine) or sqlite',
    '--snapshots back up by snapshots of HBase, exported to a folder; needs a JDK',
    '--tills N   tills of each of the two merchants (3)',
    '--seed N    of the sales (1)',
  ],
  async run(given, progress) {
    const store = given.store ?? 'hbase';
    if (store !== 'hbase' && store !== 'sqlite') throw new RangeError('--store takes hbase or sqlite');
    if (given.snapshots === true && store !== 'hbase') throw new RangeError('--snapshots is for HBase');
    const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-restore-drill-'));
    const settings = {
      folder,
      store,
      tills: wholeNumber(given, 'tills', 3),
      seed: wholeNumber(given, 'seed', 1),
      forgets: true,
      snapshots: given.snapshots === true,
    } as const;
    const report = await restoreDrill(settings, progress);
    if (report.faults.length === 0) rmSync(folder, { recursive: true });
    return { figures: { steps: report.steps }, faults: report.faults, text: textOf(report) };
  },
};
