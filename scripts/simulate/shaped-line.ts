/**
 * A narrow line between an agent and its collector: a forwarding port with a bandwidth, a queue and
 * a delay each way, shared by its connections, that cuts idle ones and can fall silent.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Address } from './network-link.ts';

export interface LineShape {
  /** Each way. */
  readonly bytesPerSecond: number;
  readonly rttMs: number;
  /** Bytes that the line itself holds each way; beyond it the sender has to wait. */
  readonly queueBytes: number;
  /** Share of the packets that are lost: each is sent again, and what is behind it waits. */
  readonly loss: number;
  /** Cuts a connection after so long without traffic; null: never. */
  readonly idleCutMs: number | null;
  /** From 0 to less than 1. */
  readonly random: () => number;
}

/** Largest packet; a slow line passes smaller pieces, so that its answers come as they would. */
const PACKET_BYTES = 1_400;
const PIECES_PER_SECOND = 20;
/** TCP's least time until it sends a lost packet again, beside a round trip. RFC 6298, Linux. */
const RETRANSMIT_MS = 200;
/** Bytes that pass at a time. */
const pieceOf = ({ bytesPerSecond }: Pick<LineShape, 'bytesPerSecond'>): number =>
  Math.max(16, Math.min(PACKET_BYTES, Math.ceil(bytesPerSecond / PIECES_PER_SECOND)));
const PORTAL =
  'HTTP/1.1 302 Found\r\nLocation: http://portal.invalid/login\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

/** Until a packet that is lost is sent again. */
const repeatMs = ({ rttMs }: Pick<LineShape, 'rttMs'>): number => rttMs + RETRANSMIT_MS;

/** How long the line takes for so many bytes one way, on average, milliseconds. */
export function lineTimeMs(shape: Omit<LineShape, 'random'>, bytes: number): number {
  const sendMs = (bytes / shape.bytesPerSecond) * 1_000;
  return sendMs * (1 + shape.loss) + (bytes / pieceOf(shape)) * shape.loss * repeatMs(shape);
}

/** A piece of a connection's bytes; null: its end. */
interface Piece {
  readonly from: Socket;
  readonly to: Socket;
  readonly bytes: Buffer | null;
  /** When it came, monotonic milliseconds. */
  readonly at: number;
}

/** One way of the line. */
class Way {
  readonly #shape: LineShape;
  readonly #waiting: Piece[] = [];
  readonly #paused = new Set<Socket>();
  #queued = 0;
  #serving = false;
  /** When the last piece has passed, monotonic milliseconds. */
  #freeAt = 0;
  /** Bytes that passed. */
  passed = 0;
  readonly #silent: (socket: Socket) => boolean;

  constructor(shape: LineShape, silent: (socket: Socket) => boolean) {
    this.#shape = shape;
    this.#silent = silent;
  }

  take(from: Socket, to: Socket, bytes: Buffer | null): void {
    const at = performance.now();
    if (bytes === null) this.#waiting.push({ from, to, bytes, at });
    else {
      const size = pieceOf(this.#shape);
      for (let start = 0; start < bytes.length; start += size)
        this.#waiting.push({ from, to, bytes: bytes.subarray(start, start + size), at });
      this.#queued += bytes.length;
      if (this.#queued > this.#shape.queueBytes) this.#paused.add(from.pause());
    }
    this.#serve();
  }

  #serve(): void {
    const piece = this.#waiting[0];
    if (this.#serving || piece === undefined) return;
    this.#serving = true;
    const { bytesPerSecond, loss, random } = this.#shape;
    const timeMs = ((piece.bytes?.length ?? 0) / bytesPerSecond) * 1_000;
    const again = random() < loss ? timeMs + repeatMs(this.#shape) : 0;
    // On a loaded machine timers are late: that makes the line no slower.
    this.#freeAt = Math.max(piece.at, this.#freeAt) + timeMs + again;
    setTimeout(
      () => {
        this.#serving = false;
        this.#waiting.shift();
        this.#passed(piece);
        this.#serve();
      },
      Math.max(0, this.#freeAt - performance.now()),
    );
  }

  #passed({ from, to, bytes }: Piece): void {
    this.#queued -= bytes?.length ?? 0;
    this.passed += bytes?.length ?? 0;
    if (this.#queued <= this.#shape.queueBytes / 2) {
      for (const socket of this.#paused) socket.resume();
      this.#paused.clear();
    }
    setTimeout(() => {
      if (this.#silent(from) || this.#silent(to)) return;
      if (bytes === null) to.destroy();
      else if (!to.destroyed) to.write(bytes);
    }, this.#shape.rttMs / 2);
  }
}

export class ShapedLine {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Their connections pass nothing more, and nobody is told. */
  readonly #silent = new WeakSet<Socket>();
  readonly #up: Way;
  readonly #down: Way;
  /** Of new connections. Portal: a web page that wants a login answers everything. */
  state: 'open' | 'down' | 'portal' = 'open';
  connections = 0;

  private constructor(target: Address, shape: LineShape) {
    const silent = (socket: Socket): boolean => this.#silent.has(socket);
    this.#up = new Way(shape, silent);
    this.#down = new Way(shape, silent);
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
      if (this.state !== 'down') this.connections++;
      near.on('error', () => near.destroy());
      if (this.state !== 'open') {
        if (this.state === 'portal') near.end(PORTAL);
        else near.destroy();
        return;
      }
      const far = connect({ ...target, noDelay: true, allowHalfOpen: true });
      this.#join(near, far, this.#up, shape.idleCutMs);
      this.#join(far, near, this.#down, shape.idleCutMs);
    });
  }

  /** @param port 0 for any */
  static async open(port: number, target: Address, shape: LineShape): Promise<ShapedLine> {
    const line = new ShapedLine(target, shape);
    line.#server.listen(port, '127.0.0.1');
    await once(line.#server, 'listening');
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Bytes that passed towards the collector, and back. */
  get passed(): { readonly up: number; readonly down: number } {
    return { up: this.#up.passed, down: this.#down.passed };
  }

  /** The connections of now are half open: they pass nothing more, and neither end is told. */
  fallSilent(): void {
    for (const socket of this.#sockets) this.#silent.add(socket);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #join(from: Socket, to: Socket, way: Way, idleCutMs: number | null): void {
    this.#sockets.add(from);
    from.on('data', (bytes: Buffer) => way.take(from, to, bytes));
    from.on('end', () => way.take(from, to, null));
    from.on('error', () => from.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      way.take(from, to, null);
    });
    if (idleCutMs !== null)
      from.setTimeout(idleCutMs, () => {
        if (this.#silent.has(from)) return;
        from.destroy();
        to.destroy();
      });
  }
}
