import t from 'tap';
import { StatusWriter, type StatusWriterOptions } from '../../../../collector/ingest/status-writer.ts';
import type { TerminalStatus } from '../../../../collector/store/terminals.ts';
import { epoch, merchantId, terminalId } from '../../../../shared/ids.ts';

const presence = (terminal: string, lastSeq = 0): TerminalStatus => ({
  ...{ merchant: merchantId('acme'), terminal: terminalId(terminal), epoch: epoch('00000000000000aa') },
  ...{
    lastSeen: 0,
    lastSeq,
    pending: [],
    clearThrough: 0,
    losses: 0,
    bufferBytes: 0,
    clockOffsetMs: null,
    version: '',
  },
});

function standing(options: Partial<StatusWriterOptions> = {}) {
  const writes: (readonly TerminalStatus[])[] = [];
  const counts = new Map<string, number>();
  const presences = new StatusWriter({
    write: async (rows) => void writes.push(rows),
    maxWaiting: 3,
    maxRows: 2,
    metrics: { statuses: (outcome, count) => void counts.set(outcome, (counts.get(outcome) ?? 0) + count) },
    ...options,
  });
  return {
    presences,
    counts,
    written: () => writes.map((rows) => rows.map(({ terminal, lastSeq }) => `${terminal} ${lastSeq}`)),
  };
}

t.test('of a terminal that says something twice, the last one is written', async (t) => {
  const { presences, written } = standing();
  for (const seq of [1, 2, 3]) presences.enqueue(presence('till-1', seq));
  await presences.flush();
  t.same(written(), [['till-1 3']]);
});

t.test('writes are bounded, one after the other, until nothing waits', async (t) => {
  const { presences, written, counts } = standing();
  for (const name of ['a', 'b', 'c']) presences.enqueue(presence(name));
  await Promise.all([presences.flush(), presences.flush()]);
  t.same(written(), [['a 0', 'b 0'], ['c 0']]);
  t.equal(counts.get('kept'), 3);
});

t.test('what finds no room is dropped; what is waiting is still brought up to date', async (t) => {
  const { presences, written, counts } = standing();
  for (const name of ['a', 'b', 'c', 'd']) presences.enqueue(presence(name));
  presences.enqueue(presence('a', 7));
  t.equal(counts.get('dropped'), 1);
  await presences.flush();
  t.same(written(), [['a 7', 'b 0'], ['c 0']]);
});

t.test('what fails waits again, unless something newer came meanwhile', async (t) => {
  let away = true;
  const kept: string[] = [];
  const { presences } = standing({
    write: async (rows) => {
      if (away) {
        presences.enqueue(presence('a', 9));
        throw new Error('store away');
      }
      kept.push(...rows.map(({ terminal, lastSeq }) => `${terminal} ${lastSeq}`));
    },
  });
  presences.enqueue(presence('a', 1));
  presences.enqueue(presence('b', 1));
  await presences.flush();
  t.equal(presences.waiting, 2);
  away = false;
  await presences.flush();
  t.same(kept.sort(), ['a 9', 'b 1']);
});
