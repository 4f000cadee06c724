/**
 * Runs one attack in a thread of its own, so that its work does not delay the honest users'
 * measurements. The thread ends with the attack, and with it whatever it holds open.
 */
import { setMaxListeners } from 'node:events';
import os from 'node:os';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { AttackTarget } from './attacks/attack.ts';
import { ATTACKS } from './attacks/catalogue.ts';
import { Network } from './wire/network.ts';

export interface ThreadData {
  readonly name: string;
  readonly target: AttackTarget;
  /** The local address of its connections. */
  readonly from: string;
}

export interface ThreadReport {
  readonly sentBytes: number;
  readonly connections: number;
  /** What the attack found; null: it still runs. */
  readonly broken: readonly string[] | null;
}

const REPORT_EVERY_MS = 200;

async function main(port: MessagePort, { name, target, from }: ThreadData): Promise<void> {
  const attack = ATTACKS.find((one) => one.name === name);
  if (attack === undefined) throw new Error(`there is no attack ${name}`);
  try {
    // Of this thread only. An attacker has a machine of his own; here he gives way.
    os.setPriority(os.constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Not every system lets a thread lower its priority.
  }
  const network = new Network(from);
  const stop = new AbortController();
  // Hundreds of connections wait for it.
  setMaxListeners(0, stop.signal);
  port.once('message', () => {
    stop.abort();
    network.close();
  });
  const report = (broken: ThreadReport['broken']): void =>
    port.postMessage({ sentBytes: network.sentBytes, connections: network.opened, broken } satisfies ThreadReport);
  const reporter = setInterval(() => report(null), REPORT_EVERY_MS);
  const broken = await attack.run({ ...target, network }, stop.signal);
  clearInterval(reporter);
  report(broken);
  network.close();
  port.close();
}

if (parentPort !== null) await main(parentPort, workerData as ThreadData);
