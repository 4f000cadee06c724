/** Disconnect reasons: why connections end, as counted in the metrics. */

import type { PublishVerdict } from './access/authorization.ts';
import type { EndReason } from './access/metrics.ts';
import { GateError } from './transport/gate-error.ts';

type ForbiddenReason = (PublishVerdict & { ok: false })['reason'];

/**
 * Passed to aedes, which then closes the connection: MQTT 3.1.1 has no other answer to a forbidden
 * PUBLISH [MQTT-3.3.5-2].
 */
export class ForbiddenPublish extends Error {
  override readonly name = 'ForbiddenPublish';
  readonly reason: ForbiddenReason;
  constructor(reason: ForbiddenReason) {
    super(`may not publish this: ${reason}`);
    this.reason = reason;
  }
}

/**
 * Null for network errors, and for events that were counted when they happened: a refused CONNECT,
 * a keep-alive timeout.
 */
export function disconnectReason(error: Error): EndReason | null {
  if (error instanceof GateError) return error.fault;
  if (error instanceof ForbiddenPublish) return `publish-${error.reason}`;
  const known = 'code' in error || 'errorCode' in error || error.message === 'keep alive timeout';
  return known ? null : 'protocol';
}
