/**
 * Fuzz campaign: attacks an agent with invalid input from all sides at once: bodies, raw
 * connections, a lying collector, and configuration files.
 *
 * The agent is a process with a buffer on disk. After each burst it must be the same process and
 * accept a good event at once. At the end none of the card numbers sent may be in its files.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { request } from 'undici';
import { AgentProcess } from '../../processes/agent.ts';
import { freePorts } from '../../processes/ports.ts';
import { seeded } from '../../simulate/random.ts';
import { type Campaign, wholeNumber } from '../port/campaign.ts';
import type { Random } from './mutation.ts';
import { randomBody } from './random-bodies.ts';
import { noConfigurations, readRandomConfigurations } from './random-configurations.ts';
import { exchange, randomRequest } from './random-requests.ts';
import { RogueCollector } from './rogue-collector.ts';

const READY_MS = 60_000;
/** Time limit for answering a good event, also on a busy machine. */
const GOOD_MS = 5_000;
const BODIES_A_BURST = 40;
const CONNECTIONS_A_BURST = 25;
const CONFIGURATIONS_A_BURST = 40;
/** Minimum, however slow the machine. */
const LEAST_BURSTS = 3;
const SHOWN_FAULTS = 10;
const CARD = '4111111111111111';
const HTTP_ANSWER = /^HTTP\/1\.1 [1-5]\d\d /;

export interface FuzzReport {
  bursts: number;
  bodies: number;
  connections: number;
  acks: number;
  configurations: number;
  configurationsAccepted: number;
  /** Number of answers by status. */
  readonly answers: Record<string, number>;
}

const noFigures = (): FuzzReport => ({
  bursts: 0,
  bodies: 0,
  connections: 0,
  acks: 0,
  configurations: 0,
  configurationsAccepted: 0,
  answers: {},
});

/** Random bodies and raw connections, all at once. */
async function burst({ url }: AgentProcess, port: number, random: Random, figures: FuzzReport, faults: string[]) {
  await Promise.all(Array.from({ length: BODIES_A_BURST }, () => postRandom(url, random, figures, faults)));
  const answers = Array.from({ length: CONNECTIONS_A_BURST }, () => exchange(port, randomRequest(random), random));
  for (const answer of await Promise.all(answers)) {
    figures.connections++;
    if (answer !== '' && !HTTP_ANSWER.test(answer)) faults.push(`no HTTP: ${JSON.stringify(answer.slice(0, 200))}`);
    if (answer.includes(CARD)) faults.push(`a card number in ${answer}`);
  }
}

/** @param folder an empty working folder */
export async function fuzz(
  folder: string,
  { seconds, seed }: { readonly seconds: number; readonly seed: number },
  progress: (done: number, total: number, message: string) => void,
): Promise<{ figures: FuzzReport; faults: string[] }> {
  const random = seeded(seed);
  const figures = noFigures();
  const faults: string[] = [];
  const configurations = noConfigurations();
  const rogue = await RogueCollector.start(random);
  const [port] = (await freePorts(1)) as [number];
  const collector = `mqtt://127.0.0.1:${rogue.port}`;
  const ship = { lingerMs: 1, reconnectMaxMs: 1_000 };
  const agent = new AgentProcess({ folder, merchant: 'fuzz', terminal: 'till-1', token: 't', collector, port, ship });
  const start = performance.now();
  const elapsed = (): number => (performance.now() - start) / 1_000;
  try {
    await agent.start(READY_MS);
    await postGood(agent.url, 'first');
    while (faults.length === 0 && (elapsed() < seconds || figures.bursts < LEAST_BURSTS)) {
      await burst(agent, port, random, figures, faults);
      readRandomConfigurations(random, CONFIGURATIONS_A_BURST, configurations);
      faults.push(...configurations.faults.splice(0));
      figures.bursts++;
      // An agent that was told to wait for a year sends a new greeting.
      if (figures.bursts % 2 === 0) rogue.drop();
      if (!agent.child.running) faults.push(`the agent ended: ${JSON.stringify(await agent.child.exited)}`);
      else await postGood(agent.url, `good-${figures.bursts}`).catch((error: Error) => faults.push(error.message));
      progress(Math.min(elapsed(), seconds), seconds, `${figures.bursts} bursts`);
    }
    if (agent.child.running) {
      const { code } = await agent.child.stop(READY_MS);
      if (code !== 0) faults.push(`the agent ended with ${code} when it was stopped`);
    }
    faults.push(...faultsOf(folder));
  } finally {
    if (agent.started && agent.child.running) await agent.child.stop(READY_MS);
    await rogue.stop();
  }
  figures.acks = rogue.messages;
  figures.configurations = configurations.read;
  figures.configurationsAccepted = configurations.accepted;
  return { figures, faults: faults.slice(0, SHOWN_FAULTS) };
}

async function postRandom(url: string, random: Random, figures: FuzzReport, faults: string[]): Promise<void> {
  const { bytes, contentType } = randomBody(random);
  figures.bodies++;
  try {
    const { statusCode, body } = await request(`${url}/v1/events`, {
      method: 'POST',
      body: bytes,
      headers: { 'content-type': contentType },
    });
    const answer = await body.text();
    figures.answers[statusCode] = (figures.answers[statusCode] ?? 0) + 1;
    const sound = [200, 201, 400, 413].includes(statusCode) && JSON.parse(answer) !== null;
    if (!sound) faults.push(`${statusCode} ${answer} to ${JSON.stringify(bytes.toString('latin1').slice(0, 2_000))}`);
    if (answer.includes(CARD)) faults.push(`a card number in ${answer}`);
  } catch (error) {
    faults.push(`${(error as Error).message} to ${JSON.stringify(bytes.toString('latin1').slice(0, 2_000))}`);
  }
}

async function postGood(url: string, ref: string): Promise<void> {
  const { statusCode, body } = await request(`${url}/v1/events`, {
    method: 'POST',
    body: JSON.stringify({ type: 'sale', amount: 100, currency: 'EUR', ref, attrs: { pan: CARD } }),
    headersTimeout: GOOD_MS,
    bodyTimeout: GOOD_MS,
  });
  const answer = await body.text();
  if (statusCode !== 201) throw new Error(`a good event was answered ${statusCode} ${answer}`);
}

/** Finds card numbers in files that the agent wrote, and errors that it logged. */
function faultsOf(folder: string): string[] {
  const faults: string[] = [];
  for (const name of readdirSync(folder)) {
    const text = readFileSync(path.join(folder, name), 'latin1');
    if (text.includes(CARD)) faults.push(`a card number in ${name}`);
    if (!name.endsWith('.log')) continue;
    const stack = /^.*\\n +at .*$/m.exec(text);
    if (stack !== null) faults.push(`${name}: ${stack[0]}`);
  }
  return faults;
}

export const campaign: Campaign = {
  summary: 'wrong bodies, raw connections, acks and configurations; the agent must go on, and write no card number',
  examples: ['', '--seconds 600 --seed 7'],
  options: { seconds: { type: 'string' }, seed: { type: 'string' } },
  async run(given, progress) {
    const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-fuzz-'));
    const options = { seconds: wholeNumber(given, 'seconds', 60), seed: wholeNumber(given, 'seed', 1) };
    const { figures, faults } = await fuzz(folder, options, progress);
    if (faults.length === 0) rmSync(folder, { recursive: true });
    return {
      figures: { ...figures, answers: JSON.stringify(figures.answers), ...(faults.length > 0 ? { folder } : {}) },
      faults,
    };
  },
};
