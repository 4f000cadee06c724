import { PassThrough } from 'node:stream';
import t from 'tap';
import type { GateError } from '../../../../../collector/broker/transport/gate-error.ts';
import { ReceiveMemory } from '../../../../../collector/broker/transport/receive-memory.ts';

const KIB = 1024;

function connection() {
  const stream = new PassThrough();
  const faults: string[] = [];
  stream.on('error', (error: GateError) => faults.push(error.fault));
  return { stream, faults };
}

t.test('the connection whose packet began first is ended when all together exceed the bound', async (t) => {
  const memory = new ReceiveMemory(100 * KIB);
  const [first, second, third] = [connection(), connection(), connection()];
  memory.set(first.stream, 40 * KIB);
  memory.set(second.stream, 40 * KIB);
  memory.set(first.stream, 50 * KIB);
  t.equal(memory.bytes, 90 * KIB);
  memory.set(third.stream, 20 * KIB);
  await new Promise(setImmediate);
  t.same([first.faults, second.faults, third.faults], [['receive-memory'], [], []]);
  t.equal(memory.bytes, 60 * KIB);
});

t.test('an ended packet gives its bytes back, and a few bytes are not counted', async (t) => {
  const memory = new ReceiveMemory(100 * KIB);
  const { stream } = connection();
  memory.set(stream, 100 * KIB);
  memory.set(stream, 0);
  t.equal(memory.bytes, 0);
  for (let i = 0; i < 1_000; i++) memory.set(connection().stream, 4 * KIB);
  t.equal(memory.bytes, 0);
});
