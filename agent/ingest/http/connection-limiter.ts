/**
 * Bounds the server's open connections, so that a till gets in however many clients hang.
 *
 * A connection is *waiting* (for a request's head: new, or kept alive after an answer), *receiving* (a
 * request's body) or *answering* (the request is read, its events may be in a commit). When there is no
 * room for a new one, the least useful one is closed: of those that never sent a head the oldest, else of
 * those kept alive the longest idle, else of those that receive the oldest. One that is answering is never
 * closed: its till would not know whether its events are safe.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface Connection {
  /** The set that it is in. */
  within: Set<Socket>;
  /** Requests that have no answer yet. */
  unanswered: number;
}

/** Each set is in the order in which its connections came into it. */
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

  /** A new one; another goes, or this one, when there are too many. */
  opened(socket: Socket): void {
    if (this.size >= this.#limit && !this.#evict()) {
      socket.destroy();
      return;
    }
    this.#new.add(socket);
    this.#connections.set(socket, { within: this.#new, unanswered: 0 });
    socket.once('close', () => this.#leave(socket));
  }

  /** A request's head was read. */
  requested(request: IncomingMessage, response: ServerResponse): void {
    const { socket, headers } = request;
    const connection = this.#connections.get(socket)!;
    connection.unanswered++;
    const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    // A client that pipelines its next request is answering still.
    if (connection.unanswered === 1) this.#move(socket, connection, hasBody ? this.#receiving : this.#answering);
    request.once('end', () => {
      if (this.#receiving.has(socket)) this.#move(socket, connection, this.#answering);
    });
    response.once('finish', () => {
      connection.unanswered--;
      if (connection.unanswered === 0 && !socket.destroyed) this.#move(socket, connection, this.#keptAlive);
    });
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
