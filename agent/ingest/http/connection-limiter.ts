/**
 * The server's open connections, bounded: a till gets in however many clients hang.
 *
 * A connection is *waiting* (for a request's head: new, or kept alive after an answer), *receiving* (a request's body) or *answering* (the
 * request is read, its events may be in a commit). When there is no room for a new one, the one that is least likely to be missed goes: of
 * those that never sent a head the oldest, else of those kept alive the longest idle, else of those that receive the oldest. One that is
 * answering never goes: its till would not know whether its events are safe.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Each set in the order in which its connections came into it. */
export class ConnectionLimiter {
  readonly #limit: number;
  readonly #new = new Set<Socket>();
  readonly #keptAlive = new Set<Socket>();
  readonly #receiving = new Set<Socket>();
  readonly #answering = new Set<Socket>();
  /** Requests of each connection that have no answer yet. */
  readonly #unanswered = new WeakMap<Socket, number>();

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
    socket.once('close', () => this.#leave(socket));
  }

  /** A request's head was read. */
  requested(request: IncomingMessage, response: ServerResponse): void {
    const { socket, headers } = request;
    const unanswered = (this.#unanswered.get(socket) ?? 0) + 1;
    this.#unanswered.set(socket, unanswered);
    const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    // A client that sends its next request ahead of an answer is answering still.
    if (unanswered === 1) this.#move(socket, hasBody ? this.#receiving : this.#answering);
    request.once('end', () => {
      if (this.#receiving.has(socket)) this.#move(socket, this.#answering);
    });
    response.once('finish', () => {
      const left = this.#unanswered.get(socket)! - 1;
      this.#unanswered.set(socket, left);
      if (left === 0 && !socket.destroyed) this.#move(socket, this.#keptAlive);
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

  #move(socket: Socket, to: Set<Socket>): void {
    this.#leave(socket);
    to.add(socket);
  }

  #leave(socket: Socket): void {
    for (const set of [this.#new, this.#keptAlive, this.#receiving, this.#answering]) set.delete(socket);
  }
}
