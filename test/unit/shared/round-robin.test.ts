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
