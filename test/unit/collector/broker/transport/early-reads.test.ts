import { Buffer } from 'node:buffer';
import t from 'tap';
import { free } from '../../../../../collector/broker/transport/early-reads.ts';

t.test('bytes that have their memory to themselves are freed, once or twice', async (t) => {
  const own = Buffer.alloc(10_000, 'x');
  free(own);
  free(own);
  t.equal(own.length, 0);
  t.equal((own.buffer as ArrayBuffer).detached, true);
});

t.test('bytes that share their memory are left alone', async (t) => {
  const memory = Buffer.alloc(10_000, 'x');
  free(memory.subarray(1));
  free(memory.subarray(0, 9_999));
  t.equal(memory.length, 10_000);
  const pooled = Buffer.from('of the pool');
  free(pooled);
  t.equal(String(pooled), 'of the pool');
});
