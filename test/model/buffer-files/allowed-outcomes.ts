/** What may have become of an event, by what befell the files that hold it. Where only one thing may, the model is exact. */
import type { TillEvent } from '../../../shared/event/event.ts';
import { type Fate, FORGOTTEN, type Key, type Observed, type Seen } from './observed-state.ts';

export interface Rule {
  /** Whether the records that the ledger has must stay. */
  readonly keepsRecords: boolean;
  /** @param before as the model had it */
  may(key: Key, before: Seen): readonly Fate[];
}

const ALL: readonly Fate[] = ['pending', 'acked', 'quarantined', 'gone', 'lost', 'forgotten'];

/** Nobody has to be told of it any more. */
const isOver = ({ fate, told }: Seen): boolean => fate === 'gone' || fate === 'forgotten' || (fate === 'lost' && told);

/** The model says it all. */
export const unchanged: Rule = { keepsRecords: true, may: (_key, { fate }) => [fate] };

/** Something was settled. @param lacksRoom whether there was none for it: then what the collector has goes, and nothing else */
export const settled = (lacksRoom: boolean): Rule => ({
  keepsRecords: true,
  may: (_key, { fate }) => (lacksRoom && fate === 'acked' ? ['acked', 'gone'] : [fate]),
});

/** An opening forgets epochs that are over. */
export const reopened: Rule = {
  keepsRecords: false,
  may: (_key, before) => (isOver(before) ? [before.fate, 'forgotten'] : [before.fate]),
};

const EVICTED: Partial<Record<Fate, readonly Fate[]>> = {
  pending: ['pending', 'lost'],
  acked: ['acked', 'gone'],
  quarantined: ['quarantined', 'lost'],
};

/** A sale made room for itself. @param stored what it stored */
export const evicted = (stored: ReadonlySet<Key>): Rule => ({
  keepsRecords: true,
  may: (key, { fate }) => (stored.has(key) ? [fate] : (EVICTED[fate] ?? [fate])),
});

/** One thing befell it, or nothing, and then the other. */
export const maybeThen = (one: Rule, other: Rule): Rule => ({
  keepsRecords: one.keepsRecords && other.keepsRecords,
  may: (key, before) => [before.fate, ...one.may(key, before)].flatMap((fate) => other.may(key, { ...before, fate })),
});

/** Of what a collector acknowledged meanwhile, the rows may be gone too: they made room. */
export const shipping = (shipped: ReadonlySet<Key>, rule: Rule): Rule => ({
  ...rule,
  may: (key, before) => (shipped.has(key) ? ['acked', 'gone'] : rule.may(key, before)),
});

export interface Harm {
  /** Whether the bytes of its row were not hit. */
  readonly isReadable: (event: TillEvent) => boolean;
  readonly sold: ReadonlyMap<Key, TillEvent>;
  /** Sales that were accepted while the salvage ran: they may turn out to be repeats. */
  readonly repeats: ReadonlySet<Key>;
  /** What was quarantined and requeued right before: the side file says that it is settled where the record of it was told. */
  readonly requeued: ReadonlySet<Key>;
  /** Whether sales make room for themselves. */
  readonly evicts: boolean;
}

/** Files were harmed and salvaged; the side file was not. */
export const harmed = ({ isReadable, sold, repeats, requeued, evicts }: Harm): Rule => ({
  keepsRecords: false,
  may: (key, before) => {
    const { fate } = before;
    const event = sold.get(key);
    if (isOver(before) || event === undefined) return ALL;
    // What a record says stays said, unless the event itself is found again.
    if (fate === 'lost') return ['lost', 'pending', 'quarantined'];
    if (repeats.has(key)) return ['pending', 'quarantined', ...(evicts ? (['lost'] as const) : [])];
    if (isReadable(event)) return evicts ? EVICTED[fate]! : [fate];
    const isSettled = fate === 'pending' ? requeued.has(key) && before.told : fate === 'acked' || before.told;
    return isSettled ? ALL : ['pending', 'quarantined', 'lost'];
  },
});

/**
 * An older copy of the database lies beside the side file of now.
 *
 * @param backup as it was when it was copied
 * @param lackedRoom whether there was no room for all of it: then what the collector has goes, and nothing else
 */
export function outdated(backup: Observed, now: Observed, lackedRoom: boolean): Rule {
  const unsettled = new Map<string, number>();
  for (const [key, { fate, reasons, told }] of now) {
    if (fate !== 'pending' && (reasons.length === 0 || told)) continue;
    const { stream, seq } = parts(key);
    unsettled.set(stream, Math.min(seq, unsettled.get(stream) ?? seq));
  }
  const acked: readonly Fate[] = lackedRoom ? ['acked', 'gone'] : ['acked'];
  return {
    keepsRecords: false,
    may: (key, { fate }) => {
      const { stream, seq } = parts(key);
      const isSettled = seq < (unsettled.get(stream) ?? Number.POSITIVE_INFINITY);
      const then = backup.get(key) ?? FORGOTTEN;
      if (then.fate === 'forgotten') {
        if (fate === 'forgotten') return ALL;
        // What was over then may have been found again since, in a page that was freed, and be found so once more.
        return isSettled ? ['gone', 'lost', 'forgotten', ...(fate === 'acked' ? acked : [])] : ['lost'];
      }
      if (isOver(then)) return ALL;
      if (then.fate === 'lost') {
        // Told since, it is found in a version from before it was given up: the mark of now says that the collector knows of it. Of what
        // was lost for good a repeat is welcome, which must not be taken for one of what the collector has.
        const isRepeatable = then.reasons.some((reason) => reason === 'evicted' || reason === 'unreadable');
        return ['lost', 'pending', 'quarantined', ...(isSettled && !isRepeatable ? acked : [])];
      }
      if (then.fate === 'acked') return acked;
      return then.fate === 'pending' && isSettled ? ['pending', ...acked] : [then.fate];
    },
  };
}

export function parts(key: Key): { readonly stream: string; readonly seq: number } {
  const slash = key.lastIndexOf('/');
  return { stream: key.slice(0, slash), seq: Number(key.slice(slash + 1)) };
}
