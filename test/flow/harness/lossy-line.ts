/** The line between a till and its agent, on which some of the answers are lost after the agent has committed. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';

export class LossyLine {
  readonly #server: Server;

  private constructor(agent: URL, every: number) {
    let answers = 0;
    this.#server = createServer((till) => {
      const far = connect(Number(agent.port), agent.hostname);
      till.pipe(far);
      far.on('data', (answer) => {
        if (++answers % every === 0) till.destroy();
        else till.write(answer);
      });
      for (const [socket, other] of [
        [till, far],
        [far, till],
      ] as const) {
        socket.on('error', () => socket.destroy());
        socket.on('close', () => other.destroy());
      }
    });
  }

  /** @param every one answer of so many is lost */
  static async laid(agent: URL, every: number): Promise<LossyLine> {
    const line = new LossyLine(agent, every);
    line.#server.listen(0, '127.0.0.1');
    await once(line.#server, 'listening');
    return line;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
  }
}
