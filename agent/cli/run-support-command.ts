/** Runs the support commands: those that only read a buffer, and `requeue`, which changes one. */
import packageJson from '../../package.json' with { type: 'json' };
import { ConfigError } from '../../shared/config/parse-config.ts';
import { streamId } from '../../shared/ids.ts';
import { BufferError } from '../buffer/disk/buffer-error.ts';
import { classifyError } from '../buffer/disk/classify-error.ts';
import { openReader } from '../buffer/support/open-reader.ts';
import { notQuarantined, openForRequeue, requeue } from '../buffer/support/requeue.ts';
import type { AgentConfig } from '../config/agent-config.ts';
import { readCredentials, readIngestToken } from '../config/load-config.ts';
import { bundleName, makeBundle, writeBundle } from '../inspect/bundle.ts';
import { exportEvents } from '../inspect/export.ts';
import { describeSurvey, surveyDamage } from '../inspect/facts/damage-survey.ts';
import { type AgentAddress, liveStatus } from '../inspect/facts/live-agent.ts';
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

/** Name of the systemd unit in the package. */
const UNIT = 'tillstream-agent';

type SupportCommand = Exclude<Command, { readonly name: 'help' | 'run' }>;
type Of<Name extends SupportCommand['name']> = Extract<SupportCommand, { readonly name: Name }>;

interface Target {
  /** Null when only a buffer file was named. */
  readonly config: AgentConfig | null;
  readonly path: string;
  /** True when a file was named: no running agent is asked, even if a configuration was given. */
  readonly alone: boolean;
}

function targetOf(name: SupportCommand['name'], source: Source): Target {
  if (source.buffer !== null)
    return {
      config: source.config === null ? null : resolveConfig(name, source.config),
      path: source.buffer,
      alone: true,
    };
  const config = resolveConfig(name, source.config);
  return { config, path: config.buffer.path, alone: false };
}

/** Runs `work` on an open reader and always closes it. */
async function withReader<T>(
  { config, path }: Target,
  output: CliOutput,
  work: (reader: BufferReader) => Promise<T>,
): Promise<T> {
  const reader = openReader(path, config?.terminal ?? null, (message) => output.message(message));
  try {
    return await work(reader);
  } catch (cause) {
    if (cause instanceof BufferError || classifyError(cause) === null) throw cause;
    throw new BufferError(`${path}: cannot be read: ${(cause as Error).message}`, { cause });
  } finally {
    reader.close();
  }
}

async function status(target: Target, json: boolean, output: CliOutput, now: number): Promise<boolean> {
  const { path } = target;
  const config = target.alone ? null : target.config;
  return withReader(target, output, async (reader) => {
    let facts: ReturnType<BufferReader['stats']>;
    try {
      facts = reader.stats();
    } catch (error) {
      return damagedStatus(path, reader, error as Error, json, output);
    }
    const asked = config !== null && config.ingest.port !== 0;
    const live = asked ? await liveStatus(addressOf(config), facts) : null;
    const maxBytes = config?.buffer.maxBytes ?? null;
    const document = { path, ...bufferStatus(facts), maxBytes, agent: live };
    await output.result(
      json ? `${JSON.stringify(document)}\n` : statusTable({ path, maxBytes, facts, live, asked, now }, output.colors),
    );
    return true;
  });
}

async function damagedStatus(
  path: string,
  reader: BufferReader,
  fault: Error,
  json: boolean,
  output: CliOutput,
): Promise<boolean> {
  const found = await surveyDamage(reader, (share) => output.progress('reading', share));
  output.progress('reading', 1);
  const error = fault.message.startsWith(path)
    ? fault.message
    : `${path} is damaged, or was written by an older agent: ${fault.message}`;
  if (json) {
    await output.result(`${JSON.stringify({ path, error, readable: found })}\n`);
    return false;
  }
  output.message(output.colors.bad(error));
  for (const message of found.damage) if (message !== error) output.message(message);
  await output.result(
    `${describeSurvey(found)}\nThe agent recovers what can be read when it starts; export writes it out.\n`,
  );
  return false;
}

async function requeueEvents(
  { config, path }: Target,
  command: Of<'requeue'>,
  output: CliOutput,
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
    return await showRequeue({ requeued, duplicates, refused: named, dryRun: command.dryRun }, command.json, output);
  } finally {
    db.close();
  }
}

/** @returns null when there is no such token, or this user may not read it */
function readable(read: () => string | null): string | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}

const ingestTokenOf = ({ ingest }: AgentConfig): string | null =>
  readable(() => (ingest.tokenFile === null ? null : readIngestToken(ingest.tokenFile)));

const addressOf = (config: AgentConfig): AgentAddress => ({ ...config.ingest, token: ingestTokenOf(config) });

/** Tokens and proxies' passwords in plain text, so that they can be removed from the bundle. */
function secretsOf(config: AgentConfig): string[] {
  const { collector } = config;
  const own = readable(() => readCredentials({ ...collector, tls: { ca: null, cert: null, key: null } }).token);
  const proxies = collector.addresses.flatMap(({ proxy }) => proxy?.credentials ?? []);
  return [own, ingestTokenOf(config), ...proxies].filter((secret) => secret !== null);
}

function withoutToken(config: AgentConfig): unknown {
  const { token } = config.collector;
  const shown = token?.kind === 'text' ? { kind: 'text', text: '[hidden]' } : token;
  return { ...config, collector: { ...config.collector, token: shown } };
}

async function bundle(
  { config, path, alone }: Target,
  command: Of<'bundle'>,
  output: CliOutput,
  now: number,
): Promise<boolean> {
  let reader: BufferReader | null = null;
  let fault: string | null = null;
  try {
    reader = openReader(path, config?.terminal ?? null, (message) => output.message(message));
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
      agent: alone || config === null ? null : addressOf(config),
      log: () => logTail(command.log, UNIT),
      now,
      progress: (label, share) => output.progress(label, share),
    });
    const name = command.output ?? bundleName(config?.merchant ?? 'unknown', config?.terminal ?? 'unknown', now);
    writeBundle(name, bytes);
    if (fault !== null) output.message(output.colors.warn(`Without the buffer: ${fault}`));
    await output.result(command.json ? `${JSON.stringify({ file: name, bytes: bytes.length })}\n` : `${name}\n`);
    return true;
  } finally {
    reader?.close();
  }
}

/**
 * @param now milliseconds since 1970
 * @returns whether the command succeeded; otherwise the exit status is 1
 * @throws UsageError, ConfigError, BufferError
 */
export async function runSupportCommand(command: SupportCommand, output: CliOutput, now: number): Promise<boolean> {
  const target = targetOf(command.name, command.source);
  switch (command.name) {
    case 'status':
      return status(target, command.json, output, now);
    case 'peek':
      return withReader(target, output, (reader) => showPeek(reader, command, command.json, output));
    case 'verify':
      return withReader(target, output, (reader) => showVerify(reader, command.json, output));
    case 'losses':
      return withReader(target, output, (reader) => showLosses(reader, command.json, output));
    case 'export':
      return withReader(target, output, (reader) => exportEvents(reader, command.filter, command.limit, output));
    case 'requeue':
      return requeueEvents(target, command, output, now);
    case 'bundle':
      return bundle(target, command, output, now);
  }
}
