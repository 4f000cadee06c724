/** Runs the commands that look into a buffer, and `requeue`, which changes one. */
import packageJson from '../../package.json' with { type: 'json' };
import { ConfigError } from '../../shared/config/parse-config.ts';
import { streamId } from '../../shared/ids.ts';
import { BufferError } from '../buffer/disk/buffer-error.ts';
import { classifyError } from '../buffer/disk/classify-error.ts';
import { openReader } from '../buffer/support/open-reader.ts';
import { notQuarantined, openForRequeue, requeue } from '../buffer/support/requeue.ts';
import type { AgentConfig } from '../config/agent-config.ts';
import { readCredentials } from '../config/load-config.ts';
import { bundleName, makeBundle, writeBundle } from '../inspect/bundle.ts';
import { exportEvents } from '../inspect/export.ts';
import { describeSurvey, surveyDamage } from '../inspect/facts/damage-survey.ts';
import { liveStatus } from '../inspect/facts/live-agent.ts';
import { logTail } from '../inspect/facts/log-tail.ts';
import { seqs, showLosses } from '../inspect/losses.ts';
import { showPeek } from '../inspect/peek.ts';
import { showRequeue } from '../inspect/requeue.ts';
import { bufferStatus, statusTable } from '../inspect/status.ts';
import type { CliOutput } from '../inspect/terminal/cli-output.ts';
import { showVerify } from '../inspect/verify.ts';
import type { BufferReader } from '../port/buffer-reader.ts';
import type { Command, Source } from './parse-arguments.ts';
import { resolveConfig } from './resolve-config.ts';

/** Of the package. */
const UNIT = 'tillstream-agent';

type Look = Exclude<Command, { readonly name: 'help' | 'run' }>;
type Of<Name extends Look['name']> = Extract<Look, { readonly name: Name }>;

interface Target {
  /** Null: none was named beside the file. */
  readonly config: AgentConfig | null;
  readonly path: string;
  /** Whether a file was named: it is looked at alone, whatever agent the configuration is of. */
  readonly alone: boolean;
}

function targetOf(name: Look['name'], source: Source): Target {
  if (source.buffer !== null)
    return {
      config: source.config === null ? null : resolveConfig(name, source.config),
      path: source.buffer,
      alone: true,
    };
  const config = resolveConfig(name, source.config);
  return { config, path: config.buffer.path, alone: false };
}

/** Looks, whatever becomes of it closes the file. */
async function reading<T>(
  { config, path }: Target,
  screen: CliOutput,
  work: (reader: BufferReader) => Promise<T>,
): Promise<T> {
  const reader = openReader(path, config?.terminal ?? null, (message) => screen.message(message));
  try {
    return await work(reader);
  } catch (cause) {
    if (cause instanceof BufferError || classifyError(cause) === null) throw cause;
    throw new BufferError(`${path}: cannot be read: ${(cause as Error).message}`, { cause });
  } finally {
    reader.close();
  }
}

async function status(target: Target, json: boolean, screen: CliOutput, now: number): Promise<boolean> {
  const { path } = target;
  const config = target.alone ? null : target.config;
  return reading(target, screen, async (reader) => {
    let facts: ReturnType<BufferReader['stats']>;
    try {
      facts = reader.stats();
    } catch (error) {
      return damagedStatus(path, reader, error as Error, json, screen);
    }
    const asked = config !== null && config.ingest.port !== 0;
    const live = asked ? await liveStatus(config.ingest, facts) : null;
    const maxBytes = config?.buffer.maxBytes ?? null;
    const document = { path, ...bufferStatus(facts), maxBytes, agent: live };
    await screen.result(
      json ? `${JSON.stringify(document)}\n` : statusTable({ path, maxBytes, facts, live, asked, now }, screen.paint),
    );
    return true;
  });
}

async function damagedStatus(
  path: string,
  reader: BufferReader,
  fault: Error,
  json: boolean,
  screen: CliOutput,
): Promise<boolean> {
  const found = await surveyDamage(reader, (share) => screen.progress('reading', share));
  screen.progress('reading', 1);
  const error = fault.message.startsWith(path)
    ? fault.message
    : `${path} is damaged, or of an older agent: ${fault.message}`;
  if (json) {
    await screen.result(`${JSON.stringify({ path, error, readable: found })}\n`);
    return false;
  }
  screen.message(screen.paint.bad(error));
  for (const words of found.damage) if (words !== error) screen.message(words);
  await screen.result(
    `${describeSurvey(found)}\nThe agent brings over what can be read when it starts; export writes it out.\n`,
  );
  return false;
}

async function requeueEvents(
  { config, path }: Target,
  command: Of<'requeue'>,
  screen: CliOutput,
  now: number,
): Promise<boolean> {
  const db = openForRequeue(path);
  try {
    const { requeued, duplicates, refused } = requeue(db, command.events, now, command.dryRun);
    if (command.events !== null && requeued + refused.length === 0) {
      const { epoch, firstSeq, lastSeq } = command.events;
      const which = `${streamId(config!.terminal, epoch)} seq ${seqs(firstSeq, lastSeq)}`;
      throw new BufferError(`${which}: nothing to requeue: ${notQuarantined(db, command.events)}`);
    }
    const named = refused.map(({ epoch, ...rest }) => ({ stream: streamId(config!.terminal, epoch), ...rest }));
    return await showRequeue({ requeued, duplicates, refused: named, dryRun: command.dryRun }, command.json, screen);
  } finally {
    db.close();
  }
}

/** The token as it is, if it can be read: so that it can be kept out. */
function secretsOf({ collector }: AgentConfig): string[] {
  try {
    const { token } = readCredentials({ ...collector, tls: { ca: null, cert: null, key: null } });
    return token === null ? [] : [token];
  } catch (error) {
    if (error instanceof ConfigError) return [];
    throw error;
  }
}

function withoutToken(config: AgentConfig): unknown {
  const { token } = config.collector;
  const shown = token?.kind === 'text' ? { kind: 'text', text: '[hidden]' } : token;
  return { ...config, collector: { ...config.collector, token: shown } };
}

async function bundle(
  { config, path, alone }: Target,
  command: Of<'bundle'>,
  screen: CliOutput,
  now: number,
): Promise<boolean> {
  let reader: BufferReader | null = null;
  let fault: string | null = null;
  try {
    reader = openReader(path, config?.terminal ?? null, (message) => screen.message(message));
  } catch (error) {
    fault = (error as Error).message;
  }
  try {
    const bytes = await makeBundle({
      version: packageJson.version,
      path,
      config: config === null ? null : withoutToken(config),
      secrets: config === null ? [] : secretsOf(config),
      reader,
      fault,
      agent: alone ? null : (config?.ingest ?? null),
      log: () => logTail(command.log, UNIT),
      now,
      progress: (label, share) => screen.progress(label, share),
    });
    const name = command.output ?? bundleName(config?.merchant ?? 'unknown', config?.terminal ?? 'unknown', now);
    writeBundle(name, bytes);
    if (fault !== null) screen.message(screen.paint.warn(`Without the buffer: ${fault}`));
    await screen.result(command.json ? `${JSON.stringify({ file: name, bytes: bytes.length })}\n` : `${name}\n`);
    return true;
  } finally {
    reader?.close();
  }
}

/**
 * @param now milliseconds since 1970
 * @returns whether all is well: else the exit status is 1
 * @throws UsageError, ConfigError, BufferError
 */
export async function runSupportCommand(command: Look, screen: CliOutput, now: number): Promise<boolean> {
  const target = targetOf(command.name, command.source);
  switch (command.name) {
    case 'status':
      return status(target, command.json, screen, now);
    case 'peek':
      return reading(target, screen, (reader) => showPeek(reader, command, command.json, screen));
    case 'verify':
      return reading(target, screen, (reader) => showVerify(reader, command.json, screen));
    case 'losses':
      return reading(target, screen, (reader) => showLosses(reader, command.json, screen));
    case 'export':
      return reading(target, screen, (reader) => exportEvents(reader, command.filter, command.limit, screen));
    case 'requeue':
      return requeueEvents(target, command, screen, now);
    case 'bundle':
      return bundle(target, command, screen, now);
  }
}
