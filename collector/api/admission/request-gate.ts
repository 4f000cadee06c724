/**
 * Stands between a client's socket and Node's HTTP parser, which would parse and begin every
 * pipelined request at once.
 *
 *     idle ── first byte ──▶ head ── blank line, a turn ──▶ answering ── answered() ──▶ idle
 *
 * Invariants:
 * - The parser gets the bytes of one request's head at a time; what follows waits for the answer.
 *   Requests have no bodies here: one that announces a body is refused and ends the connection.
 * - While an answer is under way the socket is read on, so that a client that leaves is noticed,
 *   but paused once more than `pipelinedBytes` wait. Bytes held are at most that and one read.
 * - A client takes each piece of an answer within `writeMs`, or is cut.
 */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Turns } from './turns.ts';

export interface RequestGateOptions {
  readonly turns: Turns;
  /** Whose turns its requests take. */
  readonly address: string;
  readonly pipelinedBytes: number;
  readonly writeMs: number;
  /** Called when the gate begins to wait for its client (for a request, or to read), or stops. */
  readonly onWaiting: (gate: RequestGate, waits: boolean) => void;
  readonly onSlowReader: () => void;
}

type Chunk = Buffer | string;
type Written = (error?: Error | null) => void;
type State = 'idle' | 'head' | 'turn' | 'answering';

const NOTHING = Buffer.alloc(0);
const BLANK_LINE = '\r\n\r\n';
const [CR, LF] = [13, 10];
/** The unit in which a client has to take an answer. */
const PIECE_BYTES = 64 * 1024;
const MAX_UTF8_BYTES = 3;
/** How long a closing connection may take to read its last answer before it is cut. */
const LINGER_MS = 2_000;
const HEALTH = /^(?:GET|HEAD) \/(?:livez|readyz)[ ?]/;

export class RequestGate extends Duplex {
  readonly #socket: Socket;
  readonly #options: RequestGateOptions;
  readonly address: string;
  #state: State = 'idle';
  #held: Buffer = NOTHING;
  /** The last bytes passed of a head that is not complete. */
  #tail: Buffer = NOTHING;
  /** Requests begun on this connection. */
  #begun = 0;
  /** Whether the parser has read the request under way. */
  #parsed = false;
  #ended = false;
  #writeTimer: NodeJS.Timeout | null = null;

  constructor(socket: Socket, options: RequestGateOptions) {
    // Node's HTTP server ends its side by itself when the client has ended its own.
    super({ allowHalfOpen: true, decodeStrings: false });
    this.#socket = socket;
    this.#options = options;
    this.address = options.address;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.#end());
    socket.on('timeout', () => this.emit('timeout'));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  // What Node's HTTP server and Fastify use of a socket, besides the stream.

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }
  get remotePort(): number | undefined {
    return this.#socket.remotePort;
  }
  setTimeout(ms: number, callback?: () => void): this {
    this.#socket.setTimeout(ms);
    if (callback !== undefined) this.once('timeout', callback);
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  /**
   * The parser has read a request.
   *
   * @returns its number on this connection, from 1; null: it is not the one that was passed, so the
   *   gate and the parser disagree about where a request ends
   */
  begin(): number | null {
    if (this.#state !== 'answering' || this.#parsed) return null;
    this.#parsed = true;
    return ++this.#begun;
  }

  /** The answer has been written: the next request may pass. */
  answered(): void {
    if (this.destroyed) return;
    this.#parsed = false;
    this.#become('idle');
    this.#pass();
    this.#flow();
  }

  /** Ends the connection at once. */
  cut(): void {
    this.#socket.destroy();
  }

  override _read(): void {
    // The parser always reads: it is given one head at a time.
  }

  override _write(chunk: Chunk, encoding: BufferEncoding, callback: Written): void {
    if (chunk.length <= PIECE_BYTES / MAX_UTF8_BYTES) this.#send(chunk, encoding, callback);
    else this.#sendInPieces(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk, callback);
  }

  /** Head and body of a small answer go out together. */
  override _writev(chunks: { chunk: Chunk; encoding: BufferEncoding }[], callback: Written): void {
    const length = chunks.reduce((sum, { chunk }) => sum + chunk.length, 0);
    if (length > PIECE_BYTES / MAX_UTF8_BYTES) {
      const all = chunks.map(({ chunk, encoding }) =>
        typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk,
      );
      this.#sendInPieces(Buffer.concat(all), callback);
      return;
    }
    const last = chunks.pop()!;
    this.#socket.cork();
    for (const { chunk, encoding } of chunks) this.#socket.write(chunk, encoding);
    this.#send(last.chunk, last.encoding, callback);
    this.#socket.uncork();
    this.#arm();
  }

  #sendInPieces(bytes: Buffer, callback: Written): void {
    const rest = bytes.subarray(PIECE_BYTES);
    this.#send(bytes.subarray(0, PIECE_BYTES), 'binary', (error) => {
      if (error || rest.length === 0) callback(error);
      else this.#sendInPieces(rest, callback);
    });
  }

  /** The time counts once the system has not taken it at once. */
  #send(chunk: Chunk, encoding: BufferEncoding, callback: Written): void {
    this.#socket.write(chunk, encoding, (error) => {
      this.#disarm();
      callback(error);
    });
    this.#arm();
  }

  #arm(): void {
    if (this.#socket.writableCorked > 0 || this.#socket.writableLength === 0) return;
    if (this.#writeTimer !== null) return;
    this.#writeTimer = setTimeout(() => this.#cutSlowReader(), this.#options.writeMs);
    this.#options.onWaiting(this, true);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#socket.end(callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#disarm();
    this.#held = NOTHING;
    const socket = this.#socket;
    if (error !== null || socket.destroyed) socket.destroy();
    else {
      this.#options.onWaiting(this, true);
      const cut = setTimeout(() => socket.destroy(), LINGER_MS).unref();
      socket.once('close', () => clearTimeout(cut));
      // What the client still sends has to be read; otherwise the system answers it with a reset
      // that overtakes the last answer.
      socket.resume();
      if (!socket.writableEnded) socket.end();
    }
    callback(error);
  }

  /** The client sends no more: nothing that waits is answered. */
  #end(): void {
    if (this.destroyed) return;
    this.#held = NOTHING;
    this.#ended = true;
    this.push(null);
  }

  #receive(chunk: Buffer): void {
    if (this.destroyed || this.#ended) return;
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#pass();
    this.#flow();
  }

  #flow(): void {
    const waits = this.#state === 'turn' || this.#state === 'answering';
    if (waits && this.#held.length > this.#options.pipelinedBytes) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Passes on the next head, or the part of it that is there. */
  #pass(): void {
    if (this.#state === 'idle') {
      this.#skipBlankLines();
      if (this.#held.length > 0) this.#become('head');
    }
    if (this.#state !== 'head' || this.#held.length === 0) return;
    const end = this.#endOfHead();
    if (end === null) {
      this.#tail = Buffer.concat([this.#tail, this.#held]).subarray(-(BLANK_LINE.length - 1));
      this.push(this.#take(this.#held.length));
      return;
    }
    const { turns, address } = this.#options;
    const run = (): void => {
      if (this.destroyed || this.#ended) return;
      this.#become('answering');
      this.push(this.#take(end));
    };
    const health = this.#tail.length === 0 && HEALTH.test(this.#held.toString('latin1', 0, 16));
    this.#tail = NOTHING;
    this.#become('turn');
    if (health) turns.takeForHealth(address, run);
    else turns.take(address, run);
  }

  /** Servers skip blank lines before a request (RFC 9112, 2.2). */
  #skipBlankLines(): void {
    let at = 0;
    while (this.#held[at] === CR || this.#held[at] === LF) at++;
    this.#take(at);
  }

  /** How many of the held bytes belong to the head; null: all, and more to come. */
  #endOfHead(): number | null {
    const overlap = this.#tail.length;
    const searched = overlap === 0 ? this.#held : Buffer.concat([this.#tail, this.#held]);
    const at = searched.indexOf(BLANK_LINE, 0, 'latin1');
    return at < 0 ? null : at + BLANK_LINE.length - overlap;
  }

  #take(bytes: number): Buffer {
    const taken = this.#held.subarray(0, bytes);
    this.#held = bytes === this.#held.length ? NOTHING : this.#held.subarray(bytes);
    return taken;
  }

  #become(state: State): void {
    const waited = this.#state === 'idle' || this.#state === 'head';
    this.#state = state;
    const waits = state === 'idle' || state === 'head';
    if (waits !== waited) this.#options.onWaiting(this, waits);
  }

  #cutSlowReader(): void {
    this.#options.onSlowReader();
    this.destroy(new Error('the client did not read its answer'));
  }

  #disarm(): void {
    if (this.#writeTimer === null) return;
    clearTimeout(this.#writeTimer);
    this.#writeTimer = null;
    this.#options.onWaiting(this, false);
  }
}
