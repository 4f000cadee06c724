/** Summary of an agent's health: the same on the page, in the status and on the command line. */

export interface AgentHealth {
  readonly level: 'good' | 'warn' | 'bad';
  /** Two or three words. */
  readonly title: string;
  /** What it means and what to do, one sentence each. */
  readonly words: readonly string[];
}

export interface HealthFacts {
  /** Why no buffer can be written; null when one can. */
  readonly unavailable: string | null;
  /** Why new events are refused; null when they are accepted. */
  readonly full: string | null;
  readonly pending: number;
  /**
   * Whether the collector is connected, whether it takes nothing at present, and an explanation.
   */
  readonly shipping: { readonly connected: boolean; readonly isHeldOff: boolean; readonly explanation: string };
  readonly quarantined: number;
  /** Progress of a recovery, as a phrase; null when there is none. */
  readonly recovery: string | null;
}

const sentence = (phrase: string): string => `${phrase.charAt(0).toUpperCase()}${phrase.slice(1)}.`;

export function healthOf({ unavailable, full, pending, shipping, quarantined, recovery }: HealthFacts): AgentHealth {
  const pendingEvents = pending === 1 ? '1 event' : `${pending.toLocaleString('en')} events`;
  const beside = [
    ...(recovery === null ? [] : [sentence(recovery)]),
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
      words: [sentence(unavailable), 'New sales are refused, and the till gets an error.', ...beside],
    };
  }
  if (full !== null) {
    return {
      level: 'bad',
      title: 'Buffer full',
      words: [
        sentence(full),
        'New sales are refused, and the till gets an error. The stored events are safe.',
        sentence(shipping.explanation),
        ...beside,
      ],
    };
  }
  if (!shipping.connected || shipping.isHeldOff) {
    return {
      level: 'warn',
      title: pending === 0 ? 'Not connected' : 'Not shipping',
      words: [
        sentence(shipping.explanation),
        `${pendingEvents} pending, safe in the buffer. New sales are accepted.`,
        ...beside,
      ],
    };
  }
  return {
    level: beside.length > 0 ? 'warn' : 'good',
    title: pending === 0 ? 'All shipped' : 'Shipping',
    words: [pending === 0 ? 'Nothing is pending.' : `${pendingEvents} pending.`, ...beside],
  };
}
