/** What an agent answered survives kill -9 at any moment, exactly once, when the till retries with the same refs. */

import { join } from 'node:path';
import t from 'tap';
import { openReadOnly } from '../../../agent/buffer/support/open-read-only.ts';
import { decodeBody } from '../../../agent/buffer/tables/event-row.ts';
import { type AgentProcess, startAgentProcess, writeConfig } from '../../support/agent/agent-process.ts';

const KILLS = 5;
const TILLS = 4;

interface Answered {
  accepted: number;
  stream: string;
  firstSeq: number | null;
  duplicates: { index: number; stream: string; seq: number }[];
}

t.test('kill -9 under load loses no acknowledged event and stores none twice', async (t) => {
  const directory = t.testdir();
  const config = writeConfig(directory);
  let agent: AgentProcess = await startAgentProcess(t, config);
  let ended = false;
  /** Identity by ref, as answered. */
  const acknowledged = new Map<string, string>();
  let retries = 0;

  /** Posts requests of one to thirty events one after the other, each again until it is answered. */
  const till = async (name: number): Promise<void> => {
    for (let request = 0; !ended; request++) {
      const refs = Array.from({ length: 1 + ((request * 7) % 30) }, (_, at) => `${name}-${request}-${at}`);
      const body = JSON.stringify(refs.map((ref) => ({ type: 'sale', ref, amount: 1299, currency: 'EUR' })));
      for (;;) {
        try {
          const answer = await fetch(`${agent.url}/v1/events`, { method: 'POST', body });
          if (answer.status !== 200 && answer.status !== 201) throw new Error(`status ${answer.status}`);
          const { stream, firstSeq, duplicates } = (await answer.json()) as Answered;
          const known = new Map(duplicates.map(({ index, stream, seq }) => [index, `${stream}/${seq}`]));
          let seq = firstSeq;
          refs.forEach((ref, index) => {
            acknowledged.set(ref, known.get(index) ?? `${stream}/${seq!++}`);
          });
          break;
        } catch {
          retries++;
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
    }
  };

  const tills = Array.from({ length: TILLS }, (_, name) => till(name));
  for (let kill = 0; kill < KILLS; kill++) {
    const enough = acknowledged.size + 300 + kill * 97;
    while (acknowledged.size < enough) await new Promise(setImmediate);
    agent.child.kill('SIGKILL');
    t.equal(await agent.ended, 'SIGKILL');
    agent = await startAgentProcess(t, config);
  }
  ended = true;
  await Promise.all(tills);
  agent.child.kill('SIGKILL');
  await agent.ended;

  const db = openReadOnly(join(directory, 'buffer.db'));
  const rows = db.prepare('SELECT epoch, seq, body FROM events').all() as {
    epoch: string;
    seq: number;
    body: Buffer;
  }[];
  db.close();
  const stored = rows.map(({ epoch, seq, body }) => [decodeBody(body).ref!, `till-1.${epoch}/${seq}`] as const);
  t.equal(new Set(stored.map(([ref]) => ref)).size, stored.length, 'no ref is stored twice');
  const byRef = new Map(stored);
  t.same(
    [...acknowledged].filter(([ref, identity]) => byRef.get(ref) !== identity),
    [],
    'each is stored under the identity that was answered',
  );
  t.equal(new Set(rows.map(({ epoch }) => epoch)).size, KILLS + 1, 'an epoch a start');
  t.ok(retries > 0, `${retries} retries, ${acknowledged.size} events`);
});
