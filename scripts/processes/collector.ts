/** A collector as a process on loopback, and its command line. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import type { StoreConfig } from '../../collector/config/collector-config.ts';
import { Child, PLAIN, type Runtime } from './child.ts';
import { answers } from './http-probe.ts';
import { runJson } from './run-json.ts';

export interface CollectorSettings {
  /** Holds its configuration, its log and, on SQLite, its store. */
  readonly folder: string;
  readonly httpPort: number;
  readonly mqttPort: number;
  /** Default: SQLite in the folder. */
  readonly store?: StoreConfig;
  /** Further keys of its configuration. */
  readonly more?: Readonly<Record<string, unknown>>;
  /** Default: all. */
  readonly roles?: readonly ('ingest' | 'rollup' | 'api')[];
  /** See `Child`. */
  readonly runtime?: Runtime;
}

const MAIN = 'collector/main.ts';
const LOOPBACK = '127.0.0.1';

export class CollectorProcess {
  readonly config: string;
  readonly httpUrl: string;
  readonly mqttUrl: string;
  readonly #log: string;
  readonly #roles: readonly string[];
  readonly #runtime: Runtime;
  #child: Child | null = null;

  /** Writes the configuration; starts nothing. */
  constructor(settings: CollectorSettings) {
    const { folder, httpPort, mqttPort } = settings;
    mkdirSync(folder, { recursive: true });
    this.config = path.join(folder, 'collector.yaml');
    this.#log = path.join(folder, 'collector.log');
    this.#roles = settings.roles === undefined ? [] : ['--roles', settings.roles.join(',')];
    this.#runtime = settings.runtime ?? PLAIN;
    this.httpUrl = `http://${LOOPBACK}:${httpPort}`;
    this.mqttUrl = `mqtt://${LOOPBACK}:${mqttPort}`;
    writeFileSync(
      this.config,
      stringify({
        region: 'local',
        store: settings.store ?? { kind: 'sqlite', path: path.join(folder, 'store.db') },
        mqtt: { host: LOOPBACK, port: mqttPort },
        http: { host: LOOPBACK, port: httpPort },
        ...settings.more,
      }),
    );
  }

  get started(): boolean {
    return this.#child !== null;
  }

  get child(): Child {
    if (this.#child === null) throw new Error('the collector was not started');
    return this.#child;
  }

  /** Creates what the store lacks; can be repeated. */
  async init(): Promise<void> {
    await runJson(MAIN, ['init', '--config', this.config, '--json']);
  }

  async start(deadlineMs: number, signal?: AbortSignal): Promise<void> {
    this.#child = new Child({
      name: 'collector',
      command: [MAIN, 'run', '--config', this.config, ...this.#roles],
      log: this.#log,
      runtime: this.#runtime,
    });
    await this.#child.ready(() => answers(`${this.httpUrl}/readyz`), deadlineMs, signal);
  }

  addTerminal(merchant: string, terminal: string): Promise<string> {
    return addTerminal(this.config, merchant, terminal);
  }

  addKey(merchant: string): Promise<string> {
    return addKey(this.config, merchant);
  }
}

/** @returns the terminal's new token; an earlier one becomes invalid */
export async function addTerminal(config: string, merchant: string, terminal: string): Promise<string> {
  const args = [
    'terminals',
    'add',
    '--config',
    config,
    '--merchant',
    merchant,
    '--terminal',
    terminal,
    '--rotate',
    '--json',
  ];
  return (await runJson<{ token: string }>(MAIN, args)).token;
}

/** @returns a new API key */
export async function addKey(config: string, merchant: string): Promise<string> {
  const args = ['keys', 'add', '--config', config, '--merchant', merchant, '--json'];
  return (await runJson<{ key: string }>(MAIN, args)).key;
}
