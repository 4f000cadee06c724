/**
 * The sweep: after each UTC day, off-peak, all its hours and the day of each merchant are compared
 * with the raw log, cells included; what differs gets a due mark, and is told. The rows are those
 * of the logic version that is active for the merchant: others may still be in the making.
 *
 * Several runners share the work salt by salt: a record in `control` says who has a salt, and how
 * far it is. A claim that is not renewed is taken over where it was. Nothing depends on the claims:
 * a salt that is swept twice finds the same, and marks it twice.
 */
import type { MerchantId } from '../../../shared/ids.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../shared/time.ts';
import type { SweepRecord, Sweeps } from '../../store/audit/sweeps.ts';
import type { EventLog } from '../../store/event-log.ts';
import type { LogicVersions } from '../../store/logic-versions.ts';
import { StoreUnavailable } from '../../store/tables.ts';
import { type AuditOptions, type AuditStores, findMismatches, type Mismatch } from '../audit/find-mismatches.ts';
import { repair } from '../audit/repair.ts';
import { ROLLUP_LIMITS } from '../limits.ts';

export interface SweepOptions extends Pick<AuditOptions, 'now'> {
  readonly stores: AuditStores & {
    readonly log: Pick<EventLog, 'merchants'>;
    readonly logics: Pick<LogicVersions, 'read'>;
    readonly sweeps: Pick<Sweeps, 'list' | 'write'>;
  };
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
  /** Of this process, unlike that of any other. */
  readonly owner: string;
  /** Hour of the UTC day from which on the day before is swept. */
  readonly hour: number;
  readonly onMismatch: (found: Mismatch, isRepairable: boolean) => void;
  /** A merchant that could not be compared. */
  readonly onFailure: (merchant: MerchantId, error: Error) => void;
}

export interface SweepReport {
  salts: number;
  merchants: number;
  /** Hours and days compared. */
  compared: number;
  mismatches: number;
  repaired: number;
}

const SALTS = 256;
/** A claim that was not renewed for so long is taken over. */
const CLAIM_MS = 5 * MINUTE_MS;
const RENEW_MS = MINUTE_MS;
/** Days that are caught up after nobody swept. */
const MAX_DAYS = 31;
/** Worked in one go, before the rest. */
const WORK_MS = 20;
/** Time that passed beyond this was not work. */
const MAX_WORKED_MS = 200;

class SweepStopped extends Error {
  override readonly name = 'SweepStopped';
}

export class Sweep {
  readonly #options: SweepOptions;
  /** Of all salts, days since 1970. */
  #sweptThrough = 0;
  #running: Promise<SweepReport> | null = null;
  #stopped = false;
  #workedSince = 0;

  constructor(options: SweepOptions) {
    this.#options = options;
  }

  /** Sweeps what is to be swept now; call it about once a minute. @returns null when nothing is */
  async run(): Promise<SweepReport | null> {
    const { now, hour } = this.#options;
    const yesterday = Math.floor((now() - hour * HOUR_MS) / DAY_MS) - 1;
    if (this.#running !== null || this.#stopped || yesterday <= this.#sweptThrough) return null;
    this.#running = this.#sweep(yesterday);
    try {
      const report = await this.#running;
      return report.salts === 0 ? null : report;
    } finally {
      this.#running = null;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running?.catch(() => undefined);
  }

  async #sweep(yesterday: number): Promise<SweepReport> {
    const { stores, now, random } = this.#options;
    this.#workedSince = this.#options.clock();
    const report: SweepReport = { salts: 0, merchants: 0, compared: 0, mismatches: 0, repaired: 0 };
    const records = new Map((await stores.sweeps.list()).map((record) => [record.salt, record]));
    const first = Math.floor(random() * SALTS);
    let isAllDone = true;
    for (let at = 0; at < SALTS && !this.#stopped; at++) {
      const salt = (first + at) % SALTS;
      const before = records.get(salt) ?? null;
      const isDone = before !== null && before.owner === null && before.through >= yesterday;
      if (isDone) continue;
      const isOthers = before !== null && before.owner !== null && now() - before.at < CLAIM_MS;
      if (isOthers && before.owner !== this.#options.owner) isAllDone = false;
      else if (!(await this.#claim(salt, before, yesterday, report))) isAllDone = false;
    }
    if (isAllDone && !this.#stopped) this.#sweptThrough = yesterday;
    return report;
  }

  /** @returns whether the salt is swept through yesterday */
  async #claim(salt: number, before: SweepRecord | null, yesterday: number, report: SweepReport): Promise<boolean> {
    const { stores, now, owner } = this.#options;
    const isLeft = before !== null && before.owner !== null;
    // Most salts of a small store.
    if (!isLeft && (await this.#isEmpty(salt))) return true;
    const from = isLeft ? before.from : Math.max((before?.through ?? yesterday - 1) + 1, yesterday - MAX_DAYS + 1);
    const through = isLeft ? before.through : yesterday;
    const claim: SweepRecord = { salt, from, through, after: isLeft ? before.after : null, owner, at: now() };
    if (!(await stores.sweeps.write(claim, before))) return false;
    const isDone = await this.#sweepSalt(claim, report);
    return isDone && through >= yesterday;
  }

  async #isEmpty(salt: number): Promise<boolean> {
    for await (const _merchant of this.#options.stores.log.merchants([salt, salt + 1])) return false;
    return true;
  }

  /** @returns whether it is done */
  async #sweepSalt(claim: SweepRecord, report: SweepReport): Promise<boolean> {
    const { stores, now, clock } = this.#options;
    let record = claim;
    let renewedAt = clock();
    const renew = async (change: Partial<SweepRecord>): Promise<boolean> => {
      const next = { ...record, at: now(), ...change };
      if (!(await stores.sweeps.write(next, record))) return false;
      record = next;
      renewedAt = clock();
      return true;
    };
    let { after } = claim;
    for await (const merchant of stores.log.merchants([claim.salt, claim.salt + 1], after)) {
      if (!(await this.#sweepMerchant(merchant, claim, report))) {
        // Whoever is there goes on at once.
        await renew({ after, at: 0 });
        return false;
      }
      after = merchant;
      // Where another runner took over, it goes on.
      if (clock() - renewedAt > RENEW_MS && !(await renew({ after }))) return false;
    }
    if (!(await renew({ after: null, owner: null }))) return false;
    report.salts++;
    return true;
  }

  /** @returns false when it was stopped */
  async #sweepMerchant(merchant: MerchantId, { from, through }: SweepRecord, report: SweepReport): Promise<boolean> {
    const { stores, now, onMismatch, onFailure } = this.#options;
    const onCompared = (): Promise<void> | undefined => {
      if (this.#stopped) throw new SweepStopped();
      report.compared++;
      return this.#rest();
    };
    report.merchants++;
    try {
      await this.#rest();
      const version = (await stores.logics.read()).active(merchant);
      const options = { stores, now, logic: { version }, cells: true };
      for await (const found of findMismatches(merchant, from * 24, (through + 1) * 24, options, onCompared)) {
        const isRepairable = await repair(found, options);
        report.mismatches++;
        if (isRepairable) report.repaired++;
        onMismatch(found, isRepairable);
      }
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      // One merchant does not keep the others from being swept.
      if (!(error instanceof SweepStopped)) onFailure(merchant, error as Error);
    }
    return !this.#stopped;
  }

  /** The rest of the time belongs to live hours. */
  #rest(): Promise<void> | undefined {
    const { clock, wait } = this.#options;
    const worked = clock() - this.#workedSince;
    if (worked < WORK_MS) return undefined;
    const { value: share } = ROLLUP_LIMITS.sweepShare;
    return wait(Math.min(worked, MAX_WORKED_MS) * (1 / share - 1)).then(() => {
      this.#workedSince = clock();
    });
  }
}
