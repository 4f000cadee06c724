/** `run`: runs a collector in the foreground until a signal ends it. */
import pino from 'pino';
import { ROLES, type Role, type StartOptions } from '../app/context.ts';
import type { Collector } from '../app/start.ts';
import type { CollectorConfig } from '../config/collector-config.ts';
import { warningsOf } from '../config/config-warnings.ts';
import { type Given, UsageError } from './command.ts';

export interface RunContext {
  readonly config: CollectorConfig;
  readonly given: Given;
  readonly start: (config: CollectorConfig, options: Partial<StartOptions>) => Promise<Collector>;
  /** Called once, when the collector listens. */
  readonly onListening: (collector: Collector) => void;
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** Exit code by which shells report an end by SIGINT. */
const INTERRUPTED = 130;

/**
 * Resolves when the collector has stopped after a first SIGTERM or SIGINT; a second signal ends the
 * process at once. SIGHUP reads the TLS files again.
 */
export async function run({ config, given, start, onListening }: RunContext): Promise<void> {
  const roles = parseRoles(given.roles);
  const log = pino(
    { level: config.log.level, base: { region: config.region } },
    pino.destination({ dest: process.stderr.fd, sync: true }),
  );
  for (const warning of roles.has('ingest') ? warningsOf(config) : []) log.warn(warning);
  const { promise: signalled, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let signals = 0;
  const onSignal = (name: NodeJS.Signals): void => {
    if (++signals > 1) process.exit(INTERRUPTED);
    resolve(name);
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  process.once('uncaughtException', (err) => {
    log.fatal({ err }, 'a fault ends this process');
    process.exit(1);
  });
  let collector: Collector | null = null;
  process.on('SIGHUP', () => {
    // One that starts has just read them, and will see a change.
    const some = collector?.reload() ?? true;
    log.info(some ? 'SIGHUP: the files of mqtt.tls were read again' : 'SIGHUP: no TLS here, so no files to read again');
  });
  collector = await start(config, { roles, log });
  try {
    log.info({ mqtt: collector.mqttPort, http: collector.httpPort, roles: [...roles] }, 'listening');
    onListening(collector);
    const signal = await Promise.race([signalled, collector.ready.then(() => signalled)]);
    log.info({ signal }, 'stopping');
  } finally {
    await collector.stop();
  }
}

function parseRoles(given: Given[string]): ReadonlySet<Role> {
  if (typeof given !== 'string') return new Set(ROLES);
  const names = given.split(',').map((name) => name.trim());
  const isRole = (name: string): name is Role => (ROLES as readonly string[]).includes(name);
  const unknown = names.find((name) => !isRole(name));
  if (unknown !== undefined) throw new UsageError(`--roles: "${unknown}" is none of ${ROLES.join(', ')}`);
  return new Set(names.filter(isRole));
}
