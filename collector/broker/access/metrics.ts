/** The counters of the broker; `app/prometheus-metrics.ts` implements them. */
import type { GateFault } from '../transport/gate-error.ts';

/** How a connection attempt ended. */
export type ConnectOutcome = 'accepted' | 'form' | 'wrong' | 'ended' | 'unavailable';
/** Why the broker ended a connection. */
export type EndReason =
  | GateFault
  | 'protocol'
  | 'keep-alive'
  | 'publish-retain'
  | 'publish-qos2'
  | 'publish-topic'
  | 'token-ended'
  | 'taken-over'
  | 'fault'
  | 'limit'
  | 'tls';

export interface BrokerMetrics {
  connections(open: number): void;
  connected(outcome: ConnectOutcome): void;
  ended(reason: EndReason): void;
  received(channel: 'batch' | 'status', bytes: number): void;
  subscriptionRefused(): void;
}
