/** Why connections end, told apart for whoever watches the counters. */

import type { PublishVerdict } from './access/authorization.ts';
import type { EndReason } from './access/metrics.ts';
import { GateError } from './transport/gate-error.ts';

type ForbiddenReason = (PublishVerdict & { ok: false })['reason'];

/** Given to aedes, which then closes the connection: MQTT 3.1.1 has no other answer to a PUBLISH [MQTT-3.3.5-2]. */
export class ForbiddenPublish extends Error {
  override readonly name = 'ForbiddenPublish';
  readonly reason: ForbiddenReason;
  constructor(reason: ForbiddenReason) {
    super(`may not publish this: ${reason}`);
    this.reason = reason;
  }
}

/** Null for what the network did, and for what was counted when it happened: a refused CONNECT, silence beyond the keep-alive. */
export function disconnectReason(error: Error): EndReason | null {
  if (error instanceof GateError) return error.fault;
  if (error instanceof ForbiddenPublish) return `publish-${error.reason}`;
  const known = 'code' in error || 'errorCode' in error || error.message === 'keep alive timeout';
  return known ? null : 'protocol';
}
