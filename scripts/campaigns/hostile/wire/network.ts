/** The attacker's network: opens connections from one address, and counts what they send. */
import { connect, type Socket } from 'node:net';

const HOST = '127.0.0.1';

/** One TCP connection. Whatever ends it is an outcome, never an error. */
export class Line {
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #drained = Promise.withResolvers<void>();
  #closed = false;
  #sentBytes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#closed = true;
        this.#drained.resolve();
        resolve();
      });
    });
    socket.on('drain', () => {
      this.#drained.resolve();
      this.#drained = Promise.withResolvers();
    });
    socket.on('error', () => socket.destroy());
    // What nobody listens to is read and discarded.
    socket.on('data', () => undefined);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Bytes that the system took: writes count once they are complete. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  onData(listener: (chunk: Buffer) => void): void {
    this.#socket.on('data', listener);
  }

  /** Reads nothing more: what the peer sends piles up. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Resolves when there is room for more. @returns false once the connection is closed */
  async write(bytes: Uint8Array): Promise<boolean> {
    if (this.#closed) return false;
    const taken = (error?: Error | null): void => {
      if (!error) this.#sentBytes += bytes.length;
    };
    if (!this.#socket.write(bytes, taken)) await this.#drained.promise;
    return !this.#closed;
  }

  close(): void {
    this.#socket.destroy();
  }
}

export class Network {
  readonly #from: string;
  readonly #lines = new Set<Line>();
  #sentByClosed = 0;
  #opened = 0;
  #closed = false;

  /** @param from the local address of its connections */
  constructor(from: string) {
    this.#from = from;
  }

  /** Connections opened so far. */
  get opened(): number {
    return this.#opened;
  }

  /** Bytes sent so far, of all connections. */
  get sentBytes(): number {
    return [...this.#lines].reduce((sum, line) => sum + line.sentBytes, this.#sentByClosed);
  }

  /** Resolves when it is connected; a line that could not be is closed. */
  async open(port: number): Promise<Line> {
    const socket = connect({ port, host: HOST, localAddress: this.#from, noDelay: true });
    const line = new Line(socket);
    this.#lines.add(line);
    this.#opened++;
    void line.closed.then(() => {
      this.#lines.delete(line);
      this.#sentByClosed += line.sentBytes;
    });
    if (this.#closed) line.close();
    await Promise.race([new Promise((resolve) => socket.once('connect', resolve)), line.closed]);
    return line;
  }

  /** Closes all lines, and every one that is opened later. */
  close(): void {
    this.#closed = true;
    for (const line of this.#lines) line.close();
  }
}
