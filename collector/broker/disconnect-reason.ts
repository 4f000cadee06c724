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
 * Of aedes: answers that wait for a connection fail when it is closed. A refused CONNECT, whose
 * error has a code, was counted when it happened.
 */
const KNOWN_ALREADY = 'connection closed';

/** Of `ws`: a message in too many fragments, or a frame in too many reads. */
const TOO_MANY_PIECES = 'WS_ERR_TOO_MANY_BUFFERED_PARTS';

/** Null for network errors, and for what was counted when it happened. */
export function disconnectReason(error: Error): EndReason | null {
  if (error instanceof GateError) return error.fault;
  if (error instanceof ForbiddenPublish) return `publish-${error.reason}`;
  if (error.message === 'drain timeout') return 'unread';
  const { code } = error as { code?: unknown };
  if (code === TOO_MANY_PIECES) return 'pieces';
  if (typeof code === 'string' && code.startsWith('WS_ERR_')) return 'protocol';
  const known = 'code' in error || 'errorCode' in error || error.message === KNOWN_ALREADY;
  return known ? null : 'protocol';
}
