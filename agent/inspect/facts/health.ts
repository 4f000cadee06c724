/** How things stand with an agent, in a few big words: the same on the page, in the status and on the command line. */

export interface AgentHealth {
  readonly level: 'good' | 'warn' | 'bad';
  /** A few words. */
  readonly title: string;
  /** What it means and what is to be done, a sentence each. */
  readonly words: readonly string[];
}

export interface HealthFacts {
  /** Why there is no buffer to write to, in words; null when there is. */
  readonly unavailable: string | null;
  /** Why new events are refused, in words; null when they are not. */
  readonly full: string | null;
  readonly pending: number;
  /** Whether the collector could take batches, whether it takes none at present, and how things stand with it in words. */
  readonly shipping: { readonly connected: boolean; readonly held: boolean; readonly words: string };
  readonly quarantined: number;
  /** A damaged file that is being brought over, in words. */
  readonly salvage: string | null;
}

const sentence = (words: string): string => `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;

export function healthOf({ unavailable, full, pending, shipping, quarantined, salvage }: HealthFacts): AgentHealth {
  const waits = pending === 1 ? '1 event waits' : `${pending.toLocaleString('en')} events wait`;
  const beside = [
    ...(salvage === null ? [] : [sentence(salvage)]),
    ...(quarantined === 0
      ? []
      : [
          `${quarantined.toLocaleString('en')} quarantined: the collector refused ${quarantined === 1 ? 'it' : 'them'}.`,
        ]),
  ];
  if (unavailable !== null) {
    return {
      level: 'bad',
      title: 'No buffer',
      words: [sentence(unavailable), 'The till is told that its sales are not taken.', ...beside],
    };
  }
  if (full !== null) {
    return {
      level: 'bad',
      title: 'Buffer full',
      words: [
        sentence(full),
        'The till is told that new sales are not taken; what is here is safe.',
        sentence(shipping.words),
        ...beside,
      ],
    };
  }
  if (!shipping.connected || shipping.held) {
    return {
      level: 'warn',
      title: pending === 0 ? 'Not connected' : 'Not shipping',
      words: [sentence(shipping.words), `${waits}, safe in the buffer; sales go on.`, ...beside],
    };
  }
  return {
    level: beside.length > 0 ? 'warn' : 'good',
    title: pending === 0 ? 'All shipped' : 'Shipping',
    words: [pending === 0 ? 'Nothing waits.' : `${waits} for the collector.`, ...beside],
  };
}
