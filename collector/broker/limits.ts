/** The limits of collector/broker: what anybody may cause there at most. See docs/limits.md. */
import type { Limits } from '../../shared/limits.ts';
import { MAX_WIRE_BYTES } from '../../shared/wire/batch.ts';
import { HEADER_BYTES } from '../../shared/wire/header.ts';
import type { TokenVerifierOptions } from './access/token-verifier.ts';
import type { BrokerOptions } from './broker.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

const CONNECTIONS = {
  sessions: {
    value: 20_000,
    unit: 'count',
    why: 'Tills connected at once, over MQTT and WebSocket: 30 KB and a file handle each. Size it for twice your tills.',
    key: 'mqtt.maxConnections',
  },
  handshakes: {
    value: 4_096,
    unit: 'count',
    why: 'Connections before their accepted CONNECT, beside the sessions. The one without progress for longest is ended for a new one; an honest handshake takes a second.',
  },
  handshakesPerAddress: {
    value: 2_048,
    unit: 'count',
    why: 'As above, of one address (IPv6: one /64). A shop has some tens of tills; mqtt.loadBalancers names the addresses that all share.',
  },
  handshakeMs: {
    value: 10_000,
    unit: 'ms',
    why: 'From the connection (TLS, WebSocket) to the CONNECT, and from there to its acceptance. A slow line needs two seconds.',
  },
  handshakeBytes: {
    value: 16 * KIB,
    unit: 'bytes',
    why: 'Sent over a WebSocket before the CONNECT is accepted, frames included. A CONNECT has some 200 bytes.',
  },
  sessionsPerTerminal: {
    value: 16,
    unit: 'count',
    why: 'A till has one session, two while an old one is half dead; tills cloned from one image share these. The oldest is ended.',
  },
  merchantShare: {
    value: 0.25,
    unit: 'ratio',
    why: 'Of the sessions, what a merchant keeps when all are taken. While there is room it may have more.',
    key: 'mqtt.merchantShare',
  },
  connectBurst: {
    value: 120,
    unit: 'count',
    why: 'Accepted CONNECTs of one terminal in a row. A till on a bad line makes two a second and waits longer each time.',
  },
  connectsPerSecond: {
    value: 2,
    unit: '1/s',
    why: 'Accepted CONNECTs of one terminal in the long run. A till stays connected for hours.',
  },
  keepAliveMs: {
    value: 1_200_000,
    unit: 'ms',
    why: 'Longest keep-alive; MQTT allows half as much again. An agent sends at least every 15 minutes.',
  },
  unreadMs: {
    value: 60_000,
    unit: 'ms',
    why: 'How long answers may wait for a client that reads nothing. A till on the slowest line reads its acks in seconds.',
  },
} as const satisfies Limits;

const PACKETS = {
  controlPacketBytes: {
    value: 4 * KIB,
    unit: 'bytes',
    why: 'Any packet but PUBLISH. A CONNECT with the longest names and a token has 400 bytes.',
  },
  publishPacketBytes: {
    value: MAX_WIRE_BYTES + KIB,
    unit: 'bytes',
    why: 'The largest batch, its topic and packet id.',
  },
  controlPacketBurst: {
    value: 60,
    unit: 'count',
    why: 'Packets of one connection that carry no batch: PINGREQ, SUBSCRIBE (one for each 256 bytes), tiny PUBLISHes, frames without data. A till sends a handful a minute.',
  },
  controlPacketsPerSecond: {
    value: 1,
    unit: '1/s',
    why: 'As above, in the long run. A till pings every 20 to 300 seconds.',
  },
  smallestPublishBytes: {
    value: HEADER_BYTES,
    unit: 'bytes',
    why: 'A smaller PUBLISH can be no batch, whose header alone is larger, and no status: it counts as a control packet.',
  },
  statusBurst: {
    value: 60,
    unit: 'count',
    why: 'Status messages of one terminal in a row. A till sends one at each connection and at most one in 10 seconds else.',
  },
  statusesPerSecond: {
    value: 1,
    unit: '1/s',
    why: 'Status messages of one terminal in the long run; ten clones send less.',
  },
  unreleasedPublishes: {
    value: 16,
    unit: 'count',
    why: 'Of one connection, not answered. An agent keeps to 4 batches; its status messages come on top. More has to wait.',
  },
  unreleasedBytes: { value: 512 * KIB, unit: 'bytes', why: 'As above; an agent keeps to 256 KiB.' },
  packetMs: {
    value: 120_000,
    unit: 'ms',
    why: 'From the first byte of a packet to its last: 128 KiB over a line of 2 KiB/s take 64 s. A packet that comes at packetRate may take longer.',
  },
  packetRate: {
    value: 100,
    unit: 'bytes/s',
    why: 'What comes more slowly has packetMs. An honest line has 200 bytes/s: one sale of 2,000 items takes minutes there.',
  },
  piecesPerPacket: {
    value: 1_024,
    unit: 'count',
    why: 'TCP reads or WebSocket messages of one packet. The largest batch has 250 over the smallest usual segments.',
  },
  piecesPerSecond: {
    value: 32,
    unit: '1/s',
    why: 'Further ones while a packet comes. A line of 200 bytes/s may pass 20 pieces a second.',
  },
  partialBytes: {
    value: 64 * MIB,
    unit: 'bytes',
    why: 'Of packets whose end has not arrived, of all connections. The one begun first is ended: 500 tills can send their largest batch at once.',
  },
  webSocketMessageBytes: {
    value: 256 * KIB,
    unit: 'bytes',
    why: 'Of one WebSocket message. Clients send a packet in one message or several; the largest packet has half of it.',
  },
  webSocketFragments: {
    value: 64,
    unit: 'count',
    why: 'Of one WebSocket message. Clients do not fragment; a proxy that does uses 4 KiB or more.',
  },
  webSocketPongs: { value: 4, unit: 'count', why: 'That wait to be sent. A proxy pings every 20 seconds or slower.' },
} as const satisfies Limits;

const CHECKS = {
  tokenLookups: {
    value: 500,
    unit: 'count',
    why: 'In the store at once, of tills whose token was accepted lately; beyond, they are asked to come back. One takes a few milliseconds.',
  },
  strangerLookups: {
    value: 64,
    unit: 'count',
    why: 'In the store at once, of tokens that were not accepted here before: anybody may have invented them. Addresses come in turn. With 5 ms each, 12,000 a second: a region that has started knows its tills in seconds.',
  },
  strangerLookupsWaiting: {
    value: 1_000,
    unit: 'count',
    why: 'That wait for their turn at the store; beyond, the newest of the address with most is asked to come back.',
  },
  tokenLookupMs: {
    value: 4_000,
    unit: 'ms',
    why: 'A lookup that the store has not answered by then counts as unavailable.',
  },
  tokenCacheEntries: {
    value: 50_000,
    unit: 'count',
    why: 'Registrations kept in memory; only those of registered terminals, 300 bytes each.',
  },
  tokenCacheMs: {
    value: 15_000,
    unit: 'ms',
    why: 'With tokenRecheckMs: how long a token may outlive its revocation. 60 s are promised.',
  },
  tokenRecheckMs: {
    value: 35_000,
    unit: 'ms',
    why: 'How old the registration of a running session may be before it is read again.',
  },
  logLineBurst: {
    value: 20,
    unit: 'count',
    why: 'Log lines of one message in a row; what exceeds it is counted in the next line (suppressed).',
  },
  logLinesPerSecond: {
    value: 1,
    unit: '1/s',
    why: 'Log lines of one message in the long run; metrics count every case.',
  },
} as const satisfies Limits;

export const BROKER_LIMITS = { ...CONNECTIONS, ...PACKETS, ...CHECKS } as const satisfies Limits;

export interface ConfiguredLimits {
  readonly maxConnections: number;
  /** At most `handshakes`, less where file handles are few. */
  readonly maxHandshakes: number;
  /** Of the sessions, what a merchant keeps when all are taken. */
  readonly merchantShare: number;
  readonly loadBalancers: readonly string[];
}

type LimitOptions = Pick<
  BrokerOptions,
  | 'admission'
  | 'sessions'
  | 'terminals'
  | 'gate'
  | 'webSocketLimits'
  | 'maxPartialBytes'
  | 'unreadMs'
  | 'logLines'
  | 'recheckMs'
  | 'keepAliveMs'
>;

/** The limits as the broker takes them. */
export function brokerLimits(configured: ConfiguredLimits): LimitOptions {
  const { maxConnections, maxHandshakes, merchantShare, loadBalancers } = configured;
  const rate = (burst: { value: number }, perSecond: { value: number }) => ({
    burst: burst.value,
    perSecond: perSecond.value,
  });
  return {
    admission: {
      maxHandshakes,
      maxHandshakesPerAddress: Math.min(CONNECTIONS.handshakesPerAddress.value, maxHandshakes),
      loadBalancers,
    },
    sessions: {
      maxSessions: maxConnections,
      maxPerTerminal: CONNECTIONS.sessionsPerTerminal.value,
      merchantShare,
    },
    terminals: {
      connects: rate(CONNECTIONS.connectBurst, CONNECTIONS.connectsPerSecond),
      statuses: rate(PACKETS.statusBurst, PACKETS.statusesPerSecond),
    },
    gate: {
      maxControlBytes: PACKETS.controlPacketBytes.value,
      maxPublishBytes: PACKETS.publishPacketBytes.value,
      minPublishBytes: PACKETS.smallestPublishBytes.value,
      control: rate(PACKETS.controlPacketBurst, PACKETS.controlPacketsPerSecond),
      maxUnreleased: PACKETS.unreleasedPublishes.value,
      maxUnreleasedBytes: PACKETS.unreleasedBytes.value,
      maxPieces: PACKETS.piecesPerPacket.value,
      piecesPerSecond: PACKETS.piecesPerSecond.value,
      handshakeMs: CONNECTIONS.handshakeMs.value,
      packetMs: PACKETS.packetMs.value,
      minPacketRate: PACKETS.packetRate.value,
    },
    webSocketLimits: {
      maxMessageBytes: PACKETS.webSocketMessageBytes.value,
      maxFragments: PACKETS.webSocketFragments.value,
      maxPongs: PACKETS.webSocketPongs.value,
      maxHandshakeBytes: CONNECTIONS.handshakeBytes.value,
    },
    maxPartialBytes: PACKETS.partialBytes.value,
    unreadMs: CONNECTIONS.unreadMs.value,
    logLines: rate(CHECKS.logLineBurst, CHECKS.logLinesPerSecond),
    recheckMs: CHECKS.tokenRecheckMs.value,
    keepAliveMs: CONNECTIONS.keepAliveMs.value,
  };
}

export const TOKEN_VERIFIER = {
  cacheMs: CHECKS.tokenCacheMs.value,
  maxCached: CHECKS.tokenCacheEntries.value,
  deadlineMs: CHECKS.tokenLookupMs.value,
  maxLookups: CHECKS.tokenLookups.value,
  strangers: { atOnce: CHECKS.strangerLookups.value, waiting: CHECKS.strangerLookupsWaiting.value },
} as const satisfies Partial<TokenVerifierOptions>;
