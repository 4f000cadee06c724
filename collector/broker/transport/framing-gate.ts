/**
 * Stands between a till's socket and aedes, which bounds neither the size of a packet nor what a
 * client has in flight. Reads fixed headers only; a payload is never read or copied.
 *
 *     handshake: one CONNECT of at most `maxControlBytes` passes; what follows it waits
 *          │ accept()
 *     open: packets pass within their size limit; a PUBLISH waits at the in-flight limit
 *          │ hold()
 *     held: nothing more passes, acks are still sent
 *
 * Invariants:
 * - A packet passes only once its header was read and found within bounds.
 * - A PUBLISH passes only while fewer than `maxUnreleased` are unreleased, with fewer than
 *   `maxUnreleasedBytes` bytes: what a client has in flight is below the first limit, and below the
 *   second plus one packet.
 * - The gate waits only between packets, so everything it waits for has reached aedes completely:
 *   it cannot deadlock on a partial packet.
 * - Bytes held back are at most one read from the socket. The socket is paused while the gate waits
 *   or aedes does not read.
 * - A handshake ends within `handshakeMs`, a packet that has begun within `packetMs` and in at most
 *   `maxPieces` pieces, or slowly. What is unfinished counts in the memory shared by all gates.
 * - Packets that carry no batch are paid from a budget.
 * - A client silent for one and a half keep-alives is ended, except while the gate waits.
 */
import { Duplex } from 'node:stream';
import { closeGently } from './close-gently.ts';
import { ControlBudget, type ControlLimits, EMPTY_FRAME, EMPTY_FRAME_TYPE } from './control-budget.ts';
import { CONNECT, PUBLISH, readFixedHeader } from './fixed-header.ts';
import { GateError, type GateFault } from './gate-error.ts';
import { InFlightLimit, type InFlightLimits } from './in-flight-limit.ts';
import { KeepAliveTimer } from './keep-alive-timer.ts';
import { PacketDeadline, type PacketDeadlineLimits } from './packet-deadline.ts';
import { PieceLimit, type PieceLimits } from './piece-limit.ts';
import type { ReceiveMemory } from './receive-memory.ts';

export interface GateLimits extends InFlightLimits, ControlLimits, PacketDeadlineLimits, PieceLimits {
  /** Maximum size of any packet but PUBLISH, bytes. */
  readonly maxControlBytes: number;
  readonly maxPublishBytes: number;
  readonly handshakeMs: number;
}

export interface GateOptions {
  readonly limits: GateLimits;
  readonly memory: ReceiveMemory;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** `{merchant}/{terminal}` of the client certificate; null when there is none. */
  readonly certified: string | null;
  /** Whom its client is charged to before it has proved who it is. */
  readonly address: string;
  /** Bytes that have come on the connection, below TLS and WebSocket. */
  readonly received: () => number;
}

/** Event of a gate: its first bytes arrived. */
export const BEGUN = 'begun';

/** One read's worth for aedes: with less, packets of 16 KiB pass at a quarter of the speed. */
const READ_AHEAD_BYTES = 256 * 1024;
const NOTHING = Buffer.alloc(0);

type State = 'handshake' | 'waiting' | 'open' | 'held';

export class FramingGate extends Duplex {
  readonly #socket: Duplex;
  readonly certified: string | null;
  readonly address: string;
  /** As the CONNECT asked for. */
  keepAliveSeconds = 0;
  readonly #limits: GateLimits;
  readonly #memory: ReceiveMemory;
  readonly #control: ControlBudget;
  readonly #handshakeTimer: NodeJS.Timeout;
  readonly #deadline: PacketDeadline;
  readonly #keepAlive: KeepAliveTimer;
  #state: State = 'handshake';
  /** Received, not passed on. */
  #held: Buffer = NOTHING;
  /** Bytes of the passing packet that have not arrived yet. */
  #remaining = 0;
  /** Bytes of the passing packet that have passed. */
  #passed = 0;
  /** In which the bytes came that arrived since a packet ended last. */
  readonly #pieces: PieceLimit;
  #publishPassing = false;
  /** The next packet waits for a release, or for the CONNECT to be accepted. */
  #blocked = false;
  #aedesReads = true;
  readonly #inFlight: InFlightLimit;

  constructor(socket: Duplex, { limits, memory, clock, certified, address, received }: GateOptions) {
    super({ readableHighWaterMark: READ_AHEAD_BYTES });
    this.#socket = socket;
    this.certified = certified;
    this.address = address;
    this.#limits = limits;
    this.#memory = memory;
    this.#control = new ControlBudget(limits, clock);
    this.#pieces = new PieceLimit(limits, clock);
    this.#inFlight = new InFlightLimit(limits, () => this.#pass());
    const ofPacket = (): number => this.#passed + this.#held.length;
    this.#deadline = new PacketDeadline(limits, ofPacket, (detail) => this.#fail('slow-packet', detail));
    this.#keepAlive = new KeepAliveTimer(received, () => {
      if (this.#blocked || !this.#aedesReads) this.#keepAlive.heard();
      else this.#fail('keep-alive', 'the client is silent');
    });
    this.#handshakeTimer = setTimeout(
      () => this.#fail('slow-handshake', `no accepted CONNECT within ${limits.handshakeMs} ms`),
      limits.handshakeMs,
    );
    socket.once('data', () => this.emit(BEGUN));
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on(EMPTY_FRAME, () => this.#pay(EMPTY_FRAME_TYPE, 0));
    socket.on('end', () => {
      // Nobody would read the answers to the packets still held back.
      this.hold();
      this.push(null);
    });
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  /** Publishes that passed completely and are not released. */
  get unreleased(): number {
    return this.#publishPassing ? this.#inFlight.count - 1 : this.#inFlight.count;
  }

  /** The CONNECT was accepted: other packets may pass. */
  accept(): void {
    if (this.#state !== 'waiting') return;
    clearTimeout(this.#handshakeTimer);
    this.#keepAlive.start(this.keepAliveSeconds);
    this.#state = 'open';
    this.#pass();
  }

  /** Passes nothing more. */
  hold(): void {
    this.#state = 'held';
    this.#endTimers();
    this.#socket.pause();
  }

  /**
   * Claims the oldest publish that passed and was not claimed.
   *
   * @returns its release
   */
  claim(): () => void {
    return this.#inFlight.claim();
  }

  /** A PUBLISH goes to the client: it will answer with a PUBACK. */
  published(): void {
    this.#control.published();
  }

  /**
   * All available bytes, as `read()` returned them until Node 26 changed it to one buffer at a
   * time. aedes reads once per 'readable' event: a packet in several buffers would otherwise wait
   * for the bytes behind it.
   */
  override read(size?: number): Buffer | null {
    const first = super.read(size) as Buffer | null;
    if (first === null || typeof size === 'number') return first;
    const buffers = [first];
    for (let next = super.read() as Buffer | null; next !== null; next = super.read() as Buffer | null)
      buffers.push(next);
    return buffers.length === 1 ? first : Buffer.concat(buffers);
  }

  override _read(): void {
    this.#aedesReads = true;
    this.#pass();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#socket.write(chunk, callback);
  }

  override _writev(
    chunks: { chunk: Buffer; encoding: BufferEncoding }[],
    callback: (error?: Error | null) => void,
  ): void {
    this.#socket.cork();
    chunks.forEach(({ chunk }, index) => {
      if (index < chunks.length - 1) this.#socket.write(chunk);
      else this.#socket.write(chunk, callback);
    });
    this.#socket.uncork();
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#socket.end(callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#endTimers();
    this.#held = NOTHING;
    this.#memory.set(this, 0);
    if (error !== null || this.#socket.destroyed) this.#socket.destroy();
    else closeGently(this.#socket);
    callback(error);
  }

  #endTimers(): void {
    clearTimeout(this.#handshakeTimer);
    this.#deadline.disarm();
    this.#keepAlive.end();
  }

  #receive(chunk: Buffer): void {
    if (this.destroyed) return;
    this.#keepAlive.heard();
    if (!this.#pieces.take())
      return void this.#fail('pieces', `a packet in more than ${this.#limits.maxPieces} pieces`);
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#pass();
  }

  /** Passes on whatever may pass, and pauses or resumes the socket accordingly. */
  #pass(): void {
    if (this.destroyed || this.#state === 'held' || !this.#aedesReads) return;
    let at = 0;
    let ended = false;
    this.#blocked = false;
    while (at < this.#held.length) {
      if (this.#remaining === 0) {
        const header = readFixedHeader(this.#held, at);
        if (header.kind === 'incomplete') break;
        if (header.kind === 'malformed') return void this.#fail('malformed', 'a packet without a length');
        const verdict = this.#verdict(header.type, header.size, this.#held.length - at);
        if (verdict === 'destroyed') return;
        this.#blocked = verdict === 'wait';
        if (this.#blocked) break;
        this.#remaining = header.size;
        this.#passed = 0;
      }
      const now = Math.min(this.#remaining, this.#held.length - at);
      at += now;
      this.#remaining -= now;
      this.#passed += now;
      if (this.#remaining > 0) break;
      ended = true;
      this.#passed = 0;
      this.#publishPassing = false;
    }
    const begun = !this.#blocked && (this.#remaining > 0 || at < this.#held.length);
    if (ended || !begun) this.#deadline.disarm();
    if (begun) this.#deadline.arm();
    if (ended) this.#pieces.ended();
    if (at > 0) {
      const passed = this.#held.subarray(0, at);
      this.#held = at === this.#held.length ? NOTHING : this.#held.subarray(at);
      if (!this.push(passed)) this.#aedesReads = false;
    }
    this.#memory.set(this, this.#passed + this.#held.length + this.#pieces.bytes);
    if (this.destroyed) return;
    // Evaluated after the push, because a reader may have released something meanwhile.
    if (this.#blocked || !this.#aedesReads) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Decides about a packet whose header has arrived, the first of `received` bytes. */
  #verdict(type: number, size: number, received: number): 'pass' | 'wait' | 'destroyed' {
    const { maxControlBytes, maxPublishBytes } = this.#limits;
    if (this.#state === 'waiting') {
      // A client need not wait for the CONNACK [MQTT-3.1.4-5], but has little to send before it.
      return received <= maxControlBytes
        ? 'wait'
        : this.#fail('early-bytes', `more than ${maxControlBytes} bytes before the CONNACK`);
    }
    const max = this.#state === 'open' && type === PUBLISH ? maxPublishBytes : maxControlBytes;
    if (size > max) return this.#fail('oversized', `a packet of ${size} bytes, type ${type}; at most ${max} are taken`);
    if (this.#state === 'handshake') {
      if (type !== CONNECT) return this.#fail('no-connect', `starts with packet type ${type} instead of CONNECT`);
      this.#state = 'waiting';
      return 'pass';
    }
    if (type === PUBLISH && !this.#inFlight.hasRoom) return 'wait';
    if (this.#pay(type, size) === 'destroyed') return 'destroyed';
    if (type !== PUBLISH) return 'pass';
    this.#inFlight.take(size);
    this.#publishPassing = true;
    return 'pass';
  }

  #pay(type: number, size: number): 'paid' | 'destroyed' {
    if (this.#control.admits(type, size)) return 'paid';
    return this.#fail('control-budget', `too many packets that carry no batch; the last of type ${type}`);
  }

  /** A connection that is being closed gently is cut. */
  #fail(fault: GateFault, detail: string): 'destroyed' {
    if (this.destroyed) this.#socket.destroy();
    else this.destroy(new GateError(fault, detail));
    return 'destroyed';
  }
}
