/**
 * `bundle`: one file with everything support needs to know of a till, without secrets, card numbers
 * or customers.
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { redact } from '../../shared/event/card-data/card-data.ts';
import type { BufferReader } from '../port/buffer-reader.ts';
import { surveyDamage } from './facts/damage-survey.ts';
import { diskFacts } from './facts/disk-facts.ts';
import type { EventView } from './facts/event-view.ts';
import { type AgentAddress, askAgent } from './facts/live-agent.ts';
import type { LogTail } from './facts/log-tail.ts';
import { ANY_EVENT, allLosses } from './facts/paging.ts';
import { type LossView, lossView } from './losses.ts';
import { peek } from './peek.ts';
import { bufferStatus } from './status.ts';
import { iso } from './terminal/format.ts';
import { OutputError } from './terminal/output-error.ts';
import { verify } from './verify.ts';

const QUARANTINED = 200;
const WAITING = 20;
const LATEST = 20;
const LOSSES = 1_000;

export interface BundleParts {
  readonly version: string;
  readonly path: string;
  /** Null without a configuration. The secrets in it are hidden. */
  readonly config: unknown;
  /** Strings that must not appear in the bundle, wherever they come from. */
  readonly secrets: readonly string[];
  /** Null when the file cannot be opened; `fault` then says why. */
  readonly reader: BufferReader | null;
  readonly fault: string | null;
  /** Address of a running agent to ask; null: none is asked. */
  readonly agent: AgentAddress | null;
  readonly log: () => LogTail;
  readonly now: number;
  readonly progress: (label: string, share: number) => void;
}

type Attempt = <T>(what: string, work: () => Promise<T> | T) => Promise<T | null>;

/** Facts of the buffer. Every list is bounded, so the bundle is too. */
async function bufferPart(reader: BufferReader, attempt: Attempt, progress: BundleParts['progress']) {
  const some = (states: readonly ('pending' | 'quarantined')[] | null, order: 'oldest' | 'newest', limit: number) =>
    attempt('events', async (): Promise<readonly EventView[]> => {
      const options = { filter: { ...ANY_EVENT, states }, order, limit, showValues: false };
      return (await peek(reader, options, () => {})).events;
    });
  return {
    status: await attempt('status', () => bufferStatus(reader.stats())),
    verify: await attempt('verify', () => verify(reader, (share) => progress('verifying', share))),
    readable: await attempt('readable', () => surveyDamage(reader, (share) => progress('reading', share))),
    losses: await attempt('losses', async () => {
      const losses: LossView[] = [];
      for await (const loss of allLosses(reader)) losses.push(lossView(loss));
      return losses.slice(-LOSSES);
    }),
    quarantined: await some(['quarantined'], 'newest', QUARANTINED),
    waitingLongest: await some(['pending'], 'oldest', WAITING),
    latest: await some(null, 'newest', LATEST),
  };
}

const withoutSecrets = (secrets: readonly string[]) => (_: string, value: unknown) =>
  typeof value === 'string'
    ? redact(secrets.reduce((text, secret) => text.replaceAll(secret, '[hidden]'), value))
    : value;

/** @returns the JSON, gzipped */
export async function makeBundle(parts: BundleParts): Promise<Buffer> {
  const { version, path, config, secrets, reader, fault, agent, log, now, progress } = parts;
  const faults: string[] = fault === null ? [] : [fault];
  const attempt: Attempt = async (what, work) => {
    try {
      return await work();
    } catch (error) {
      faults.push(`${what}: ${(error as Error).message}`);
      return null;
    }
  };
  const { node, sqlite = null, openssl = null } = process.versions;
  const bundle = {
    madeAt: iso(now),
    versions: { agent: version, node, sqlite, openssl, platform: process.platform, arch: process.arch },
    config,
    agent: agent === null || agent.port === 0 ? null : await askAgent(agent, '/v1/inspect'),
    buffer: reader === null ? null : await bufferPart(reader, attempt, progress),
    disk: await attempt('disk', () => diskFacts(path)),
    log: await attempt('log', log),
    faults,
  };
  return promisify(gzip)(JSON.stringify(bundle, withoutSecrets(secrets), 1));
}

export function bundleName(merchant: string, terminal: string, now: number): string {
  const stamp = iso(now)
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '')
    .replaceAll('-', '');
  return `tillstream-${merchant}-${terminal}-${stamp}-${randomBytes(2).toString('hex')}.json.gz`;
}

const CANNOT: Readonly<Record<string, string>> = {
  EEXIST: 'exists already and is not overwritten: choose another name with --output',
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'its folder does not exist',
  EISDIR: 'is a folder: name a file with --output',
  EACCES: 'cannot be written by this user: choose another place with --output',
  EROFS: 'is on a read-only medium: choose another place with --output',
  ENOSPC: 'the disk is full: choose another place with --output',
};

/** Readable by its owner only; never overwrites a file. @throws OutputError */
export function writeBundle(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes, { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    throw new OutputError(`${path}: ${CANNOT[code] ?? `cannot be written: ${message}`}`, { cause });
  }
}
