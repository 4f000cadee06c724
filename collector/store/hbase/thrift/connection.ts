/**
 * One socket to the Thrift2 gateway, with at most one call in flight (the gateway runs the calls of
 * a connection one after another anyway).
 *
 * States: idle → in a call → idle …, and from any of them closed, permanently. A connection closes
 * itself whenever replies can no longer be matched to calls: on a missed deadline, on malformed or
 * unexpected bytes, or when the peer closes. The call in flight then rejects at once.
 */
import { connect, type Socket } from 'node:net';
import { ReplyScanner } from './reply-scanner.ts';

/** No connection could be established. */
export class ConnectFailed extends Error {
  override readonly name = 'ConnectFailed';
}

/** The connection broke during a call. The gateway may or may not have executed it. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** No reply in time. The gateway may or may not have executed the call. */
export class DeadlineMissed extends Error {
  override readonly name = 'DeadlineMissed';
}

export interface CallBounds {
  /** Milliseconds from sending to the complete reply. */
  readonly deadlineMs: number;
  readonly maxReplyBytes: number;
}

interface InFlight {
  readonly scanner: ReplyScanner;
  readonly deadline: NodeJS.Timeout;
  resolve(reply: Buffer): void;
  reject(fault: Error): void;
}

export class Connection {
  /** Settles once the socket is closed. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #open = true;
  #inFlight: InFlight | null = null;

  /** Takes ownership of a connected socket. */
  constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('data', (chunk) => this.#take(chunk as Buffer));
    socket.on('end', () => this.#fail(new ConnectionLost('the gateway closed the connection')));
    socket.on('error', (cause) => this.#fail(new ConnectionLost(`the connection broke: ${cause.message}`, { cause })));
    socket.on('close', () => this.#fail(new ConnectionLost('the connection is closed')));
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /**
   * Sends one message and returns its reply. Rejects with the reason for which the connection
   * closed.
   */
  call(message: Uint8Array, bounds: CallBounds): Promise<Buffer> {
    if (this.#inFlight !== null) throw new Error('a call is in flight on this connection');
    if (!this.#open) return Promise.reject(new ConnectionLost('the connection is closed'));
    return new Promise((resolve, reject) => {
      const missed = () => this.#fail(new DeadlineMissed(`no answer within ${bounds.deadlineMs} ms`));
      const deadline = setTimeout(missed, bounds.deadlineMs);
      this.#inFlight = { scanner: new ReplyScanner(bounds.maxReplyBytes), deadline, resolve, reject };
      this.#socket.write(message);
    });
  }

  /** Closes the socket; a call in flight rejects. */
  close(reason: Error = new ConnectionLost('the connection is closed')): void {
    this.#fail(reason);
  }

  #take(chunk: Buffer): void {
    const call = this.#inFlight;
    try {
      if (call === null) throw new ConnectionLost('the gateway sent an unexpected reply');
      const reply = call.scanner.push(chunk);
      if (reply === null) return;
      this.#settle();
      call.resolve(reply);
    } catch (fault) {
      this.#fail(fault as Error);
    }
  }

  #fail(reason: Error): void {
    if (!this.#open) return;
    this.#open = false;
    const call = this.#inFlight;
    this.#settle();
    this.#socket.destroy();
    call?.reject(reason);
  }

  #settle(): void {
    clearTimeout(this.#inFlight?.deadline);
    this.#inFlight = null;
  }
}

/** Connects within `connectMs`, or rejects with `ConnectFailed`; `signal` aborts earlier. */
export function openConnection(
  host: string,
  port: number,
  connectMs: number,
  signal: AbortSignal,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true, keepAlive: true });
    const fail = (reason: string, cause?: unknown) => {
      stopWaiting();
      socket.destroy();
      reject(new ConnectFailed(reason, { cause }));
    };
    const timer = setTimeout(() => fail(`no connection within ${connectMs} ms`), connectMs);
    const onAbort = () => fail('closed while connecting');
    const onError = (cause: Error) => fail(cause.message, cause);
    const stopWaiting = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.removeListener('error', onError);
      // A destroyed socket may still emit an error of its attempt; that error was already reported.
      socket.on('error', () => {});
    };
    socket.once('error', onError);
    socket.once('connect', () => {
      stopWaiting();
      resolve(new Connection(socket));
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
