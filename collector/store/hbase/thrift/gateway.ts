/**
 * Calls methods of `idl.ts` on HBase's Thrift2 gateway over a pooled connection. Every failure
 * becomes one `StoreUnavailable` that names the operation, the address, the reason and what to
 * check.
 */
import { StoreUnavailable } from '../../tables.ts';
import type { Fields, Struct } from './codec.ts';
import { ConnectFailed, ConnectionLost, DeadlineMissed, openConnection } from './connection.ts';
import type { Method } from './idl.ts';
import { decodeReply, encodeCall, Refused, WrongReply } from './messages.ts';
import { ConnectionPool, NoConnection, PoolFull } from './pool.ts';
import { MalformedReply } from './reply-scanner.ts';

export interface GatewayOptions {
  readonly host: string;
  readonly port: number;
  /** Calls that can run in parallel. */
  readonly connections: number;
  /** Calls that may wait for a connection. */
  readonly maxWaiting: number;
  readonly deadlines: Deadlines;
  /** The longest reply to hold in memory, bytes. */
  readonly maxReplyBytes: number;
  /** From 0 up to, but not including, 1. */
  random(): number;
  /** Monotonic milliseconds. */
  now(): number;
}

/**
 * Milliseconds. A call ends after `waitMs` (for a connection) plus its own deadline, whatever
 * happens.
 */
export interface Deadlines {
  readonly connectMs: number;
  readonly waitMs: number;
  /** Longer than the gateway's own `hbase.client.operation.timeout`, so that its reason arrives. */
  readonly callMs: number;
  /** For creating a table. */
  readonly schemaMs: number;
}

/**
 * The gateway closes connections idle for `hbase.thrift.server.socket.read.timeout`, 60 s; this
 * client stops using them well before.
 */
const MAX_IDLE_MS = 30_000;

const RETRY = { baseMs: 100, maxMs: 2_000 };

export class Gateway {
  readonly #options: GatewayOptions;
  readonly #pool: ConnectionPool;
  #seqid = 0;

  constructor(options: GatewayOptions) {
    const { host, port, connections, maxWaiting, deadlines, now, random } = options;
    this.#options = options;
    this.#pool = new ConnectionPool({
      open: (signal) => openConnection(host, port, deadlines.connectMs, signal),
      size: connections,
      maxWaiting,
      waitMs: deadlines.waitMs,
      maxIdleMs: MAX_IDLE_MS,
      retry: RETRY,
      now,
      random,
    });
  }

  /**
   * @param subject what the call is about, for the message: a table, a namespace
   * @throws StoreUnavailable whose `cause` is one of `Refused`, `ReplyTooLarge`, `DeadlineMissed` …
   */
  async call<A extends Fields, T>(
    method: Method<A, T>,
    args: Struct<A>,
    subject: string,
    deadlineMs: number = this.#options.deadlines.callMs,
  ): Promise<T> {
    this.#seqid = (this.#seqid + 1) & 0x7fffffff;
    const seqid = this.#seqid;
    const bounds = { deadlineMs, maxReplyBytes: this.#options.maxReplyBytes };
    try {
      // Encoded only once a connection is free: waiting calls then hold no bytes of their own.
      const reply = await this.#pool.use((connection) => connection.call(encodeCall(method, args, seqid), bounds));
      return decodeReply(method, reply, seqid);
    } catch (cause) {
      throw this.#unavailable(method.name, subject, cause as Error);
    }
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #unavailable(operation: string, subject: string, cause: Error): StoreUnavailable {
    const { host, port } = this.#options;
    const hint = hintFor(cause, subject);
    const message = `${operation} ${subject} at ${host}:${port}: ${cause.message}${hint === null ? '' : ` (${hint})`}`;
    return new StoreUnavailable(message, { cause });
  }
}

function hintFor(cause: Error, subject: string): string | null {
  if (cause instanceof NoConnection) return cause.cause === undefined ? 'more connections may help' : NOT_THERE;
  if (cause instanceof ConnectFailed) return NOT_THERE;
  if (cause instanceof ConnectionLost) return 'it may have been done; calls resume when the gateway is back';
  if (cause instanceof DeadlineMissed) return 'it may have been done; see the logs of HBase and its gateway';
  if (cause instanceof MalformedReply || cause instanceof WrongReply) {
    return "the port must be HBase's Thrift2 gateway, binary protocol, unframed";
  }
  // For a missing table HBase's message is only the table's name.
  if (cause instanceof Refused && cause.message === subject) return 'there is no such table: has `init` been run?';
  if (cause instanceof Refused && cause.message.startsWith('Internal error')) return "the gateway's log has the reason";
  if (cause instanceof PoolFull) return 'the store is slower than what is asked of it';
  return null;
}

const NOT_THERE = "is HBase's Thrift2 gateway running there?";
