/** An agent as a process on loopback. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { Child, PLAIN, type Runtime } from './child.ts';
import { answers } from './http-probe.ts';

export interface AgentSettings {
  /** Holds its configuration, its buffer and its log. */
  readonly folder: string;
  readonly merchant: string;
  readonly terminal: string;
  readonly store?: string;
  readonly token: string;
  /** URL of the collector's broker, such as `mqtt://127.0.0.1:1883`. */
  readonly collector: string;
  readonly port: number;
  /** Further keys of `ship`. */
  readonly ship?: Readonly<Record<string, unknown>>;
  /** Modules to preload. */
  readonly preloads?: readonly string[];
  /** Further keys of `buffer`, such as another `path`. */
  readonly buffer?: Readonly<Record<string, unknown>>;
  /** See `Child`. */
  readonly runtime?: Runtime;
  /** The program for Node: the agent's source by default, or a bundle. */
  readonly program?: string;
}

export class AgentProcess {
  readonly terminal: string;
  readonly url: string;
  readonly #config: string;
  readonly #log: string;
  readonly #preloads: readonly string[];
  readonly #runtime: Runtime;
  readonly #program: string;
  #child: Child | null = null;

  /** Writes the configuration; starts nothing. */
  constructor(settings: AgentSettings) {
    const { folder, merchant, terminal, store, token, collector, port, ship, buffer } = settings;
    mkdirSync(folder, { recursive: true });
    this.terminal = terminal;
    this.url = `http://127.0.0.1:${port}`;
    this.#config = path.join(folder, 'agent.yaml');
    this.#log = path.join(folder, 'agent.log');
    this.#preloads = settings.preloads ?? [];
    this.#runtime = settings.runtime ?? PLAIN;
    this.#program = settings.program ?? 'agent/main.ts';
    const config = {
      merchant,
      terminal,
      ...(store === undefined ? {} : { store }),
      collector: { urls: [collector], token },
      buffer: { path: path.join(folder, 'buffer.db'), ...buffer },
      ingest: { port },
      ...(ship === undefined ? {} : { ship }),
    };
    // Contains the terminal's token.
    writeFileSync(this.#config, stringify(config), { mode: 0o600 });
  }

  get started(): boolean {
    return this.#child !== null;
  }

  get child(): Child {
    if (this.#child === null) throw new Error(`agent ${this.terminal} was not started`);
    return this.#child;
  }

  async start(deadlineMs: number, signal?: AbortSignal): Promise<void> {
    this.launch();
    await this.ready(deadlineMs, signal);
  }

  /** Starts it without waiting. */
  launch(): void {
    this.#child = new Child({
      name: `agent ${this.terminal}`,
      command: [this.#program, 'run', '--config', this.#config],
      log: this.#log,
      preloads: this.#preloads,
      runtime: this.#runtime,
    });
  }

  /** Resolves when it answers. */
  async ready(deadlineMs: number, signal?: AbortSignal): Promise<void> {
    await this.child.ready(() => answers(`${this.url}/healthz`), deadlineMs, signal);
  }
}
