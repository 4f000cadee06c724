/** Authentication of a CONNECT: first its form, then its token. */

import { type Claim, CONNACK, type ConnackCode, type ConnectVerdict } from './authorization.ts';
import type { ConnectOutcome } from './metrics.ts';
import type { TokenVerifier, Verdict } from './token-verifier.ts';

export type Authentication =
  | { readonly kind: 'accepted'; readonly claim: Claim; readonly hash: string | null; readonly asOf: number }
  | {
      readonly kind: 'refused';
      readonly code: ConnackCode;
      readonly outcome: Exclude<ConnectOutcome, 'accepted'>;
      /** For the log. */
      readonly reason: string;
    };

const CODES: Readonly<Record<Exclude<Verdict['kind'], 'accepted'>, ConnackCode>> = {
  wrong: CONNACK.badUserNameOrPassword,
  ended: CONNACK.notAuthorized,
  unavailable: CONNACK.serverUnavailable,
};

/**
 * @param address whom a lookup is charged to
 * @param storeReady false: no till is accepted yet, and none is answered that its token is wrong
 */
export async function authenticate(
  connect: ConnectVerdict,
  tokenVerifier: TokenVerifier,
  address: string,
  storeReady: boolean,
): Promise<Authentication> {
  if (!connect.ok) return { kind: 'refused', code: connect.code, outcome: 'form', reason: connect.reason };
  const { merchant, terminal, token } = connect.claim;
  if (!storeReady) {
    return { kind: 'refused', code: CODES.unavailable, outcome: 'unavailable', reason: 'the store is not ready yet' };
  }
  const verdict = await tokenVerifier.verify(merchant, terminal, token, address);
  if (verdict.kind === 'accepted') {
    return { kind: 'accepted', claim: connect.claim, hash: verdict.hash, asOf: verdict.asOf };
  }
  const reason = verdict.kind === 'unavailable' ? verdict.cause.message : verdict.reason;
  return { kind: 'refused', code: CODES[verdict.kind], outcome: verdict.kind, reason };
}
