/** The counters of the broker; `app/prometheus-metrics.ts` implements them. */
import type { AdmissionReason } from '../transport/admission.ts';
import type { GateFault } from '../transport/gate-error.ts';

/** How a connection attempt ended. */
export type ConnectOutcome =
  | 'accepted'
  | 'form'
  | 'wrong'
  | 'ended'
  | 'unavailable'
  /** The terminal connects too often. */
  | 'too-often'
  /** All sessions are taken. */
  | 'full';
/** Why the broker ended a connection. */
export type EndReason =
  | GateFault
  | AdmissionReason
  | 'protocol'
  | 'publish-retain'
  | 'publish-qos2'
  | 'publish-topic'
  | 'token-ended'
  | 'taken-over'
  /** The terminal has too many sessions; this was the oldest. */
  | 'terminal-sessions'
  /** All sessions are taken, and the merchant had more than its share. */
  | 'merchant-share'
  | 'status-budget'
  /** The client does not read what it is sent. */
  | 'unread'
  | 'fault'
  /** No file handles are left. */
  | 'limit'
  | 'tls';

export interface BrokerMetrics {
  connections(open: number): void;
  connected(outcome: ConnectOutcome): void;
  ended(reason: EndReason): void;
  received(channel: 'batch' | 'status', bytes: number): void;
  subscriptionRefused(): void;
}
