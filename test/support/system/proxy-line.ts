/** A line between two processes that a test listens in on, and may cut. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';

/** `there`: from the one who connected to the one who listens; `back`: answers. */
export type Direction = 'there' | 'back';

/** One connection's ear: told each chunk before it is passed on; `cut` loses it, and the connection with it. */
export type Ear = (direction: Direction, chunk: Buffer) => 'pass' | 'cut';

export class Line {
  readonly #server: Server;

  private constructor(port: number, ear: () => Ear) {
    this.#server = createServer((near) => {
      const listen = ear();
      const far = connect(port, '127.0.0.1');
      for (const [from, to, direction] of [
        [near, far, 'there'],
        [far, near, 'back'],
      ] as const) {
        from.setNoDelay(true);
        from.on('data', (chunk: Buffer) => {
          if (listen(direction, chunk) === 'cut') near.destroy();
          else to.write(chunk);
        });
        from.on('error', () => from.destroy());
        from.on('close', () => to.destroy());
      }
    });
  }

  /** @param ear makes the ear of each connection */
  static async laid(port: number, ear: () => Ear): Promise<Line> {
    const line = new Line(port, ear);
    line.#server.listen(0, '127.0.0.1');
    await once(line.#server, 'listening');
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
  }
}

/** Loses one chunk of so many on its way back: an answer, where answers fit into one. */
export function losing(every: number): () => Ear {
  let answers = 0;
  return () => (direction) => (direction === 'back' && ++answers % every === 0 ? 'cut' : 'pass');
}
