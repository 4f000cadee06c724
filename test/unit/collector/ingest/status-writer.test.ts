import t from 'tap';
import { StatusWriter, type StatusWriterOptions } from '../../../../collector/ingest/status-writer.ts';
import type { TerminalStatus } from '../../../../collector/store/terminals.ts';
import { epoch, merchantId, terminalId } from '../../../../shared/ids.ts';

const status = (terminal: string, lastSeq = 0): TerminalStatus => ({
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
  const writer = new StatusWriter({
    write: async (rows) => void writes.push(rows),
    maxWaiting: 3,
    maxRows: 2,
    metrics: { statuses: (outcome, count) => void counts.set(outcome, (counts.get(outcome) ?? 0) + count) },
    ...options,
  });
  return {
    writer,
    counts,
    written: () => writes.map((rows) => rows.map(({ terminal, lastSeq }) => `${terminal} ${lastSeq}`)),
  };
}

t.test('of a terminal that says something twice, the last one is written', async (t) => {
  const { writer, written } = standing();
  for (const seq of [1, 2, 3]) writer.enqueue(status('till-1', seq));
  await writer.flush();
  t.same(written(), [['till-1 3']]);
});

t.test('writes are bounded, one after the other, until nothing waits', async (t) => {
  const { writer, written, counts } = standing();
  for (const name of ['a', 'b', 'c']) writer.enqueue(status(name));
  await Promise.all([writer.flush(), writer.flush()]);
  t.same(written(), [['a 0', 'b 0'], ['c 0']]);
  t.equal(counts.get('kept'), 3);
});

t.test('what finds no room is dropped; waiting statuses are still updated', async (t) => {
  const { writer, written, counts } = standing();
  for (const name of ['a', 'b', 'c', 'd']) writer.enqueue(status(name));
  writer.enqueue(status('a', 7));
  t.equal(counts.get('dropped'), 1);
  await writer.flush();
  t.same(written(), [['a 7', 'b 0'], ['c 0']]);
});

t.test('what fails waits again, unless something newer came meanwhile', async (t) => {
  let away = true;
  const kept: string[] = [];
  const { writer } = standing({
    write: async (rows) => {
      if (away) {
        writer.enqueue(status('a', 9));
        throw new Error('store away');
      }
      kept.push(...rows.map(({ terminal, lastSeq }) => `${terminal} ${lastSeq}`));
    },
  });
  writer.enqueue(status('a', 1));
  writer.enqueue(status('b', 1));
  await writer.flush();
  t.equal(writer.waiting, 2);
  away = false;
  await writer.flush();
  t.same(kept.sort(), ['a 9', 'b 1']);
});
