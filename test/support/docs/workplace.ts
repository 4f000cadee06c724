/** Where the examples of a page run: a folder that looks like a copy of the repository, with a collector and an agent of its own. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { AgentProcess } from '../../../scripts/processes/agent.ts';
import { ROOT } from '../../../scripts/processes/child.ts';
import { CollectorProcess } from '../../../scripts/processes/collector.ts';
import { until } from '../../../scripts/processes/wait-until.ts';
import { differences } from './differences.ts';
import type { Example } from './page.ts';
import { PagePorts } from './ports.ts';
import { Shell } from './shell.ts';
import { Started } from './started.ts';

/** As the pages name them. */
const MERCHANT = 'acme';
const TERMINAL = 'till-1';
const STORE = 'london';

const LINKED = ['agent', 'collector', 'shared', 'config', 'node_modules', 'package.json'];
const READY_MS = 60_000;
const STOP_MS = 10_000;
/** Figures become final with the roll-up of the next minute but one, at the latest. */
const SHOWN_MS = 150_000;

/** What runs before the page's first example. */
export type Running = 'nothing' | 'agent' | 'collector and agent';

export class Workplace implements AsyncDisposable {
  readonly #folder: string;
  readonly #ports: PagePorts;
  readonly #shell: Shell;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #collector: CollectorProcess;
  #agent: AgentProcess | null = null;
  readonly #started: Started[] = [];

  private constructor(folder: string, ports: PagePorts) {
    this.#folder = folder;
    this.#ports = ports;
    for (const name of LINKED) symlinkSync(path.join(ROOT, name), path.join(folder, name));
    const { http, mqtt } = ports.free;
    this.#collector = new CollectorProcess({ folder, httpPort: http, mqttPort: mqtt });
    const bin = path.join(folder, 'bin');
    mkdirSync(bin);
    const agent = `#!/bin/sh\nexec "${process.execPath}" "${ROOT}/agent/main.ts" "$@" --config agent.yaml\n`;
    writeFileSync(path.join(bin, 'tillstream-agent'), agent, { mode: 0o755 });
    this.#environment = {
      ...process.env,
      PATH: [bin, path.dirname(process.execPath), process.env.PATH].join(path.delimiter),
      // A page starts Node again and again.
      NODE_COMPILE_CACHE: path.join(folder, 'compiled'),
    };
    this.#shell = new Shell(folder, this.#environment);
  }

  /** @param folder an empty one */
  static async open(folder: string, running: Running): Promise<Workplace> {
    const workplace = new Workplace(folder, await PagePorts.choose());
    try {
      if (running !== 'nothing')
        await workplace.#startAgent(running === 'agent' ? 'unused' : await workplace.#startCollector());
    } catch (error) {
      await workplace[Symbol.asyncDispose]();
      throw error;
    }
    return workplace;
  }

  /** @returns the token of the till */
  async #startCollector(): Promise<string> {
    await this.#collector.init();
    const token = await this.#collector.addTerminal(MERCHANT, TERMINAL);
    await this.#collector.start(READY_MS);
    return token;
  }

  async #startAgent(token: string): Promise<void> {
    this.#agent = new AgentProcess({
      folder: this.#folder,
      merchant: MERCHANT,
      terminal: TERMINAL,
      store: STORE,
      token,
      collector: this.#collector.mqttUrl,
      port: this.#ports.free.agent,
    });
    await this.#agent.start(READY_MS);
  }

  /** @returns what went otherwise than the page shows, a sentence each */
  async run(example: Example): Promise<string[]> {
    switch (example.kind) {
      case 'start':
        return this.#leaveRunning(example);
      case 'run':
        return this.#once(example);
      case 'until shown':
        return untilNone(() => this.#once(example));
    }
  }

  async #once({ command, shown }: Example): Promise<string[]> {
    const { status, stdout, stderr } = await this.#shell.run(this.#ports.toFree(command));
    if (status !== 0) return [`it ended with ${status}: ${stderr}`];
    return shown === null ? [] : differences(shown, this.#asOnPage(stdout));
  }

  async #leaveRunning({ command, shown }: Example): Promise<string[]> {
    const words =
      command === 'npm start' ? this.#npmStart() : (['sh', '-c', `exec ${this.#ports.toFree(command)}`] as const);
    const started = new Started(words, this.#folder, this.#environment);
    this.#started.push(started);
    return untilNone(async () => {
      if (started.hasEnded) throw new Error(`it ended: ${started.stderr}`);
      return shown === null ? [] : differences(shown, this.#asOnPage(started.stdout));
    });
  }

  /** What npm runs, on ports and in a folder of its own, and with less of a history. */
  #npmStart(): [string, ...string[]] {
    const text = readFileSync(path.join(ROOT, 'package.json'), 'utf8');
    const { scripts } = JSON.parse(text) as { scripts: { start: string } };
    const script = path.join(ROOT, scripts.start.split(' ').at(-1)!);
    const { http, mqtt, agent } = this.#ports.free;
    const ports = ['--http-port', http, '--mqtt-port', mqtt, '--agent-port', agent].map(String);
    const dir = path.join(this.#folder, '.tillstream/quickstart');
    return [process.execPath, script, ...ports, '--dir', dir, '--days', '1'];
  }

  #asOnPage(text: string): string {
    return this.#ports.toPage(text).replaceAll(`${this.#folder}/`, '');
  }

  /** What a page started ends before what it stands on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#shell[Symbol.asyncDispose]();
    for (const started of this.#started.reverse()) await started.stop();
    if (this.#agent?.started) await this.#agent.child.stop(STOP_MS);
    if (this.#collector.started) await this.#collector.child.stop(STOP_MS);
  }
}

/** @returns none, or the differences that are left at the deadline */
async function untilNone(look: () => Promise<string[]>): Promise<string[]> {
  let found: string[] = [];
  const isNone = async () => {
    found = await look();
    return found.length === 0;
  };
  try {
    await until(isNone, { what: 'what the page shows', deadlineMs: SHOWN_MS, everyMs: 100 });
    return [];
  } catch (error) {
    return [...found, (error as Error).message];
  }
}
