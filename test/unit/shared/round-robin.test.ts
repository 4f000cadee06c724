import t from 'tap';
import { RoundRobin } from '../../../shared/round-robin.ts';

t.test('owners are served in turn, however long their lines are', async (t) => {
  const queue = new RoundRobin<string>();
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) queue.push(item[0]!, item);
  queue.remove('a', 'a2');
  queue.remove('c', 'c1');
  queue.remove('c', 'c1');
  t.equal(queue.size, 4);
  t.equal(queue.waiting('a'), 2);
  t.equal(
    queue.shift((owner) => owner === 'b'),
    'b1',
  );
  t.equal(
    queue.shift((owner) => owner === 'c'),
    undefined,
  );
  t.strictSame([queue.shift(), queue.shift(), queue.shift(), queue.shift()], ['a1', 'b2', 'a3', undefined]);
});

t.test('who has most gives its newest item away', async (t) => {
  const queue = new RoundRobin<string>();
  for (const item of ['a1', 'b1', 'b2', 'b3']) queue.push(item[0]!, item);
  t.strictSame([queue.pop(), queue.pop(), queue.pop(), queue.pop(), queue.pop()], ['b3', 'b2', 'a1', 'b1', undefined]);
  t.equal(queue.size, 0);
});
