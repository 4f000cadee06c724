/**
 * Finds out whether the store holds what a terminal says that it acknowledged: the runs of seqs in
 * its status. If not, the store was restored, rolled back or lost, and the terminal gets a
 * generation of its own, so that it offers again what it still keeps.
 *
 * Invariants:
 * - What a terminal says changes the generation of that terminal alone, at most once in
 *   `newGenerationEvery`; until then it gets the same one again.
 * - A generation is `{store's}` or `{store's}+{8 hex digits}`. Only agents keep the latter: they
 *   say it in each status and are believed, so that collectors need not agree on it.
 * - A status waits for its check. Without a sure answer in time what the terminal says is believed;
 *   what the check finds later is told at the next status.
 */
import type { Epoch, MerchantId, TerminalId } from '../../../shared/ids.ts';
import { KIND } from '../../../shared/keys.ts';
import type { Limit } from '../../../shared/limits.ts';
import { TokenBucket } from '../../../shared/token-bucket.ts';
import type { AckedRun, Status } from '../../../shared/wire/messages.ts';
import type { EventLog } from '../../store/event-log.ts';
import { ClaimQuestions } from './claim-questions.ts';

/** See `collector/ingest/limits.ts`. */
type LimitName =
  | 'claimsPerStatus'
  | 'seqsPerClaim'
  | 'keysPerClaimCheck'
  | 'claimChecksAtOnce'
  | 'claimChecks'
  | 'claimCheckWait'
  | 'claimCheckTurn'
  | 'claimChecksRunning'
  | 'claimChecksWaiting'
  | 'newGenerationEvery'
  | 'rememberedTerminals';

export interface AckedCheckOptions {
  readonly log: Pick<EventLog, 'holdsAll'>;
  /** Of the whole store; null while it is not open. */
  readonly storeGen: () => string | null;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly metrics: { storeLacks(): void };
  /** Called with one terminal, and the number of them since the last call. */
  readonly onStoreLacks: (teller: Teller, terminals: number) => void;
  /** What is remembered of the store is not true any more. */
  readonly forget: () => void;
  readonly limits: Readonly<Record<LimitName, Pick<Limit, 'value'>>>;
}

export interface Teller {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
}

/** The generation that a terminal is told. */
export interface Generation {
  readonly storeGen: string;
  /** The store lacks what the terminal named. */
  readonly lacks: boolean;
  /** Otherwise the store did not say in time whether it does. */
  readonly isSure: boolean;
}

type Claims = Pick<Status, 'storeGen' | 'ackedThrough'>;

const TELL_EVERY_MS = 10_000;
const OWN = /^\+[0-9a-f]{8}$/;

/** Of a terminal: what it may still ask, and the generation that it got last. */
interface Known {
  readonly checks: TokenBucket;
  given: { readonly storeGen: string; readonly at: number } | null;
  /** The generation that it named last; null: not yet. */
  said: string | null;
  /** The question that is asked for it: for which generation, whether the store lacks something. */
  asking: { readonly said: string; readonly lacks: Promise<boolean> } | null;
  /** The generation that it named when the store last answered; null: it has not since. */
  answered: string | null;
  /** The generation that it named when the store was found, too late, to lack something. */
  lacked: string | null;
}

export class AckedCheck {
  readonly #options: AckedCheckOptions;
  /** By terminal; the one that asked longest ago first. */
  readonly #known = new Map<string, Known>();
  readonly #questions: ClaimQuestions;
  #untold = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(options: AckedCheckOptions) {
    this.#options = options;
    const limits = {
      ...{ maxRunning: this.#limit('claimChecksRunning'), maxWaiting: this.#limit('claimChecksWaiting') },
      ...{ turnMs: this.#limit('claimCheckTurn'), runMs: this.#limit('claimCheckWait') },
    };
    this.#questions = new ClaimQuestions(limits, options.clock);
  }

  /** Given `expire` is called, it resolves in bounded time; it never rejects. */
  async generation(teller: Teller, claims: Claims): Promise<Generation> {
    const { storeGen } = this.#options;
    const base = storeGen() ?? '';
    const said = claims.storeGen ?? base;
    // Of acks of another store nothing is expected here: that it is another one is told anyway.
    if (!(said === base || (said.startsWith(base) && OWN.test(said.slice(base.length)))))
      return { storeGen: base, lacks: false, isSure: true };
    const known = this.#knownOf(teller);
    // Another collector may have told it so: what this one remembers of the store may be of before.
    if (known.said !== null && known.said !== said && known.checks.take()) this.#options.forget();
    known.said = said;
    const found = known.lacked === said;
    known.lacked = null;
    const hasClaims = (claims.ackedThrough?.length ?? 0) > 0;
    if (!found && !(hasClaims && (await this.#asked(teller, known, said, claims.ackedThrough!))))
      return { storeGen: said, lacks: false, isSure: !hasClaims || known.answered === said };
    return { storeGen: this.#given(teller, known, base), lacks: true, isSure: true };
  }

  /** Call it about once a second. */
  expire(): void {
    this.#questions.expire();
  }

  /**
   * Asks the store, or waits for what it is being asked already.
   *
   * @returns whether it is known to lack one of the runs
   */
  async #asked(teller: Teller, known: Known, said: string, runs: readonly AckedRun[]): Promise<boolean> {
    if (known.asking !== null) return known.asking.said === said && known.asking.lacks;
    known.answered = null;
    if (known.checks.available < 1) return false;
    const kept = runs.slice(0, this.#limit('claimsPerStatus'));
    const ask = (): Promise<boolean> =>
      this.#lacks(teller, kept)
        .then((lacks) => {
          known.answered = said;
          return lacks;
        })
        .finally(() => {
          known.asking = null;
        });
    const lacks = this.#questions.ask(teller, ask, (lacks) => {
      if (lacks) known.lacked = said;
    });
    if (lacks === null) return false;
    known.checks.take(1);
    known.asking = { said, lacks };
    return lacks;
  }

  async #lacks(teller: Teller, runs: readonly AckedRun[]): Promise<boolean> {
    let left = this.#limit('keysPerClaimCheck');
    for (const [kind, epoch, hour, first, last] of runs) {
      if (first < 1 || last < first) continue;
      const from = kind === KIND.losses ? first : Math.max(first, last - this.#limit('seqsPerClaim') + 1);
      const run = { kind: kind === KIND.losses ? 'losses' : 'events', hour, first: from, last } as const;
      const { holds, read } = await this.#options.log.holdsAll({ ...teller, epoch: epoch as Epoch }, run, left);
      if (holds === false) return true;
      left -= read;
      if (left <= 0) break;
    }
    return false;
  }

  /** The generation of a terminal whose acks the store lacks. */
  #given(teller: Teller, known: Known, base: string): string {
    const { clock, random, metrics, forget } = this.#options;
    const at = clock();
    if (known.given !== null && at - known.given.at < this.#limit('newGenerationEvery')) return known.given.storeGen;
    const own = Math.floor(random() * 2 ** 32).toString(16);
    known.given = { storeGen: `${base}+${own.padStart(8, '0')}`, at };
    forget();
    metrics.storeLacks();
    this.#tell(teller, at);
    return known.given.storeGen;
  }

  #limit(name: LimitName): number {
    return this.#options.limits[name].value;
  }

  #tell({ merchant, terminal }: Teller, at: number): void {
    this.#untold++;
    if (at - this.#toldAt < TELL_EVERY_MS) return;
    this.#options.onStoreLacks({ merchant, terminal }, this.#untold);
    this.#untold = 0;
    this.#toldAt = at;
  }

  #knownOf({ merchant, terminal }: Teller): Known {
    const name = `${merchant}/${terminal}`;
    const rate = { burst: this.#limit('claimChecksAtOnce'), perSecond: this.#limit('claimChecks') };
    const known = this.#known.get(name) ?? {
      checks: new TokenBucket(rate, this.#options.clock),
      ...{ given: null, said: null, asking: null, answered: null, lacked: null },
    };
    this.#known.delete(name);
    this.#known.set(name, known);
    if (this.#known.size > this.#limit('rememberedTerminals')) {
      const [oldest] = this.#known.keys();
      this.#known.delete(oldest!);
    }
    return known;
  }
}
