/**
 * Bounds the server's open connections: a till can connect however many clients hang.
 *
 * A connection is *waiting* (for a request head: new, or kept alive after an answer), *receiving*
 * (a request body) or *answering* (the request is read, its events may be in a commit). When the
 * limit is reached, a new connection replaces the one that is least likely to be missed: the oldest
 * of those that never sent a head, else the longest idle of those kept alive, else the oldest of
 * those receiving. A connection that is answering is never closed: its till would not know whether
 * its events are stored.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface Connection {
  /** The set that it is in. */
  within: Set<Socket>;
  /** Number of unanswered requests. */
  unanswered: number;
}

/** Each set is ordered by the time at which its connections entered it. */
export class ConnectionLimiter {
  readonly #limit: number;
  readonly #new = new Set<Socket>();
  readonly #keptAlive = new Set<Socket>();
  readonly #receiving = new Set<Socket>();
  readonly #answering = new Set<Socket>();
  readonly #connections = new WeakMap<Socket, Connection>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Registers a new connection. At the limit another one is closed, or this one. */
  opened(socket: Socket): void {
    if (this.size >= this.#limit && !this.#evict()) {
      socket.destroy();
      return;
    }
    this.#new.add(socket);
    this.#connections.set(socket, { within: this.#new, unanswered: 0 });
    socket.once('close', () => this.#leave(socket));
  }

  /** Call when a request head was read. */
  requested(request: IncomingMessage, response: ServerResponse): void {
    const { socket, headers } = request;
    const connection = this.#connections.get(socket)!;
    connection.unanswered++;
    const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    // A client that pipelines its next request is still answering.
    if (connection.unanswered === 1) this.#move(socket, connection, hasBody ? this.#receiving : this.#answering);
    request.once('end', () => {
      if (this.#receiving.has(socket)) this.#move(socket, connection, this.#answering);
    });
    response.once('finish', () => {
      connection.unanswered--;
      if (connection.unanswered === 0 && !socket.destroyed) this.#move(socket, connection, this.#keptAlive);
    });
  }

  /** Whether a request of the connection is read and its answer is to come. */
  isAnswering(socket: Socket): boolean {
    return this.#answering.has(socket);
  }

  get size(): number {
    return this.#new.size + this.#keptAlive.size + this.#receiving.size + this.#answering.size;
  }

  #evict(): boolean {
    for (const set of [this.#new, this.#keptAlive, this.#receiving]) {
      for (const oldest of set) {
        this.#leave(oldest);
        oldest.destroy();
        return true;
      }
    }
    return false;
  }

  #move(socket: Socket, connection: Connection, to: Set<Socket>): void {
    connection.within.delete(socket);
    connection.within = to;
    to.add(socket);
  }

  #leave(socket: Socket): void {
    this.#connections.get(socket)?.within.delete(socket);
  }
}
