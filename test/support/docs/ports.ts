/** Pages name the default ports; their commands run on free ones, and answers are read as if they came from those of the page. */
import { freePorts, portsInUse } from '../../../scripts/processes/ports.ts';

const ON_PAGE = { agent: 7070, secondAgent: 7071, http: 8080, mqtt: 1883 } as const;
type Ports = Readonly<Record<keyof typeof ON_PAGE, number>>;

const NAMES = Object.keys(ON_PAGE) as (keyof typeof ON_PAGE)[];
/** In addresses and in words. */
const PORT = /(127\.0\.0\.1(?::| port ))(\d+)/g;

function exchanged(text: string, from: Ports, to: Ports): string {
  const others = new Map(NAMES.map((name) => [from[name], to[name]]));
  return text.replace(PORT, (all, before: string, port: string) => {
    const other = others.get(Number(port));
    return other === undefined ? all : `${before}${other}`;
  });
}

export class PagePorts {
  readonly free: Ports;

  private constructor(free: Ports) {
    this.free = free;
  }

  static async choose(): Promise<PagePorts> {
    const [http, mqtt] = (await freePorts(2)) as [number, number];
    for (;;) {
      // Two in a row, which the system gives to nobody else meanwhile: below those that it gives to connections.
      const agent = 20_000 + Math.floor(Math.random() * 10_000);
      const both = [agent, agent + 1].map((port) => ({ port, purpose: 'an agent', flag: '--agent-port' }));
      if ((await portsInUse(both)).length === 0) return new PagePorts({ agent, secondAgent: agent + 1, http, mqtt });
    }
  }

  toFree(command: string): string {
    return exchanged(command, ON_PAGE, this.free);
  }

  toPage(answer: string): string {
    return exchanged(answer, this.free, ON_PAGE);
  }
}
