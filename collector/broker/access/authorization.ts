/**
 * Authorization: a till may connect as itself, and publish and subscribe exactly its own topics.
 * Everything else is refused here.
 */
import type { ConnectPacket, PublishPacket, Subscription } from 'aedes';
import { type Epoch, isId, type MerchantId, parseStreamId, type TerminalId } from '../../../shared/ids.ts';
import { type Channel, topic } from '../../../shared/topics.ts';

/** CONNACK return codes of MQTT 3.1.1, section 3.2.2.3. */
export const CONNACK = {
  identifierRejected: 2,
  serverUnavailable: 3,
  badUserNameOrPassword: 4,
  notAuthorized: 5,
} as const;
export type ConnackCode = (typeof CONNACK)[keyof typeof CONNACK];

export interface Claim {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  readonly epoch: Epoch;
  /** Null: the client certificate authenticates the till. */
  readonly token: Uint8Array | null;
}

export type ConnectVerdict =
  | { readonly ok: true; readonly claim: Claim }
  | { readonly ok: false; readonly code: ConnackCode; readonly reason: string };

/**
 * Checks the form of a CONNECT; `token-verifier.ts` checks the token.
 *
 * @param certified user name that the client certificate vouches for; null when there is none
 */
export function authorizeConnect(packet: ConnectPacket, certified: string | null): ConnectVerdict {
  const refuse = (code: ConnackCode, reason: string): ConnectVerdict => ({ ok: false, code, reason });
  const { username, password, clientId } = packet;
  if (username === undefined) return refuse(CONNACK.notAuthorized, 'no user name');
  if (password === undefined && username !== certified) {
    const shown = certified === null ? 'no client certificate' : `the client certificate is for ${certified}`;
    return refuse(CONNACK.notAuthorized, `no token, and ${shown}`);
  }
  const [merchant, terminal, ...rest] = username.split('/');
  if (!isId(merchant) || !isId(terminal) || rest.length > 0)
    return refuse(CONNACK.badUserNameOrPassword, 'the user name is not {merchant}/{terminal}');
  const stream = streamOf(clientId);
  if (stream === null || stream.terminal !== terminal)
    return refuse(CONNACK.identifierRejected, "the client id is not the user's {terminal}.{epoch}");
  if (packet.will !== undefined) return refuse(CONNACK.notAuthorized, 'wills are not supported');
  if (packet.clean === false) return refuse(CONNACK.notAuthorized, 'only clean sessions are supported');
  return { ok: true, claim: { merchant: merchant as MerchantId, ...stream, token: password ?? null } };
}

function streamOf(clientId: string): { terminal: TerminalId; epoch: Epoch } | null {
  try {
    return parseStreamId(clientId);
  } catch {
    return null;
  }
}

/** A till's four topics. */
export type Topics = Readonly<Record<Channel, string>>;

export const topicsOf = (merchant: MerchantId, terminal: TerminalId): Topics => ({
  batch: topic(merchant, terminal, 'batch'),
  status: topic(merchant, terminal, 'status'),
  ack: topic(merchant, terminal, 'ack'),
  ctl: topic(merchant, terminal, 'ctl'),
});

export type PublishVerdict =
  | { readonly ok: true; readonly channel: 'batch' | 'status' }
  | { readonly ok: false; readonly reason: 'retain' | 'qos2' | 'topic' };

/**
 * Exact comparison also excludes wildcards and `$` topics, which aedes leaves to
 * `authorizePublish`.
 */
export function authorizePublish(topics: Topics, packet: PublishPacket): PublishVerdict {
  if (packet.retain) return { ok: false, reason: 'retain' };
  if (packet.qos === 2) return { ok: false, reason: 'qos2' };
  if (packet.topic === topics.batch) return { ok: true, channel: 'batch' };
  if (packet.topic === topics.status) return { ok: true, channel: 'status' };
  return { ok: false, reason: 'topic' };
}

export const authorizeSubscribe = (topics: Topics, { topic, qos }: Subscription): boolean =>
  qos < 2 && (topic === topics.ack || topic === topics.ctl);
