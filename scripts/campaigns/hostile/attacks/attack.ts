/** An attack: what one hostile till, one bad key or one stranger does, with no more than he has. */
import type { Credentials } from '../wire/mqtt-session.ts';
import type { Network } from '../wire/network.ts';

/** What is attacked, and what the attacker was given: a terminal and a key of his own merchant. */
export interface AttackTarget {
  readonly mqttPort: number;
  readonly websocketPort: number;
  readonly httpPort: number;
  readonly till: Credentials;
  readonly key: string;
}

export interface AttackContext extends AttackTarget {
  readonly network: Network;
}

export interface Attack {
  /** Names it on the command line. */
  readonly name: string;
  /** In one line. */
  readonly exploits: string;
  /**
   * How many turns of a minute it needs: rows of an hour that has ended are rolled up when the next
   * minute begins. Such an attack begins `TURN_LEAD_MS` before the first turn.
   */
  readonly minuteTurns?: number;
  /** How much the store's files may grow, whatever it sends. SQLite's log has a part in it. */
  readonly maxStoreMib?: number;
  /**
   * Attacks until it has done what it wants, or the signal is aborted.
   *
   * @returns promises that were broken and that no honest user notices, one sentence each
   */
  run(context: AttackContext, signal: AbortSignal): Promise<readonly string[]>;
}

export const TURN_LEAD_MS = 10_000;

/** What a terminal may store in a day: small, so that it is met within seconds. */
export const QUOTA_MIB = 64;

export const NOTHING_BROKEN: readonly string[] = [];
