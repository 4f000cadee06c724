import fc from 'fast-check';
import t from 'tap';
import { FairQueue } from '../../../../../collector/ingest/admission/fair-queue.ts';

interface Item {
  readonly merchant: string;
  readonly terminal: string;
  readonly ms: number;
}

function standing() {
  const queue = new FairQueue<Item>();
  const served: Item[] = [];
  const push = (merchant: string, terminal: string, ms: number, times = 1) => {
    for (let i = 0; i < times; i++) queue.push({ merchant, terminal }, { merchant, terminal, ms });
  };
  const serve = (times: number) => {
    const before = served.length;
    for (let i = 0; i < times; i++)
      queue.serveNext((item) => {
        served.push(item);
        return item.ms;
      });
    return served.slice(before).map(({ merchant, terminal }) => `${merchant}/${terminal}`);
  };
  return { queue, push, serve, served };
}

t.test('who comes while another has a long queue waits for one item of it', async (t) => {
  const { push, serve } = standing();
  push('evil', 'a', 60, 16);
  serve(3);
  push('good', 'a', 1);
  t.same(serve(2), ['good/a', 'evil/a']);
});

t.test('many terminals of a merchant are one customer', async (t) => {
  const { push, serve } = standing();
  for (let i = 0; i < 100; i++) push('evil', `t${i}`, 60, 16);
  serve(5);
  push('good', 'a', 1, 3);
  t.same(serve(4), ['good/a', 'good/a', 'good/a', 'evil/t5']);
});

t.test('within a merchant the terminal that used least goes next', async (t) => {
  const { push, serve } = standing();
  push('acme', 'stolen', 60, 10);
  serve(4);
  push('acme', 'honest', 2, 2);
  t.same(serve(3), ['acme/honest', 'acme/honest', 'acme/stolen']);
});

t.test('who empties his queue between two items keeps his debt while others wait', async (t) => {
  const { push, serve } = standing();
  push('good', 'a', 10, 20);
  push('evil', 'a', 60);
  serve(2);
  push('evil', 'a', 60);
  t.same(serve(5), Array(5).fill('good/a'), 'six of its items cost what one of the other did');
  t.ok(serve(2).includes('evil/a'));
});

t.test('a till that worked alone has no debt when it comes again', async (t) => {
  const { push, serve } = standing();
  push('good', 'a', 1_000, 5);
  serve(5);
  push('evil', 'a', 1, 1_000);
  push('good', 'a', 1);
  t.ok(serve(2).includes('good/a'));
});

t.test('two that always wait get the same time, whatever an item costs', async (t) => {
  const { push, serve, served } = standing();
  push('a', 'a', 50, 100);
  push('b', 'a', 5, 1_000);
  serve(500);
  const used = (name: string) => served.reduce((sum, { merchant, ms }) => sum + (merchant === name ? ms : 0), 0);
  t.ok(Math.abs(used('a') - used('b')) <= 50, `${used('a')} and ${used('b')} ms`);
});

t.test('each item is served once, a terminal’s in their order, and nothing is left over', async (t) => {
  const names = fc.constantFrom('a', 'b', 'c');
  const push = fc.record({ kind: fc.constant('push'), merchant: names, terminal: names, ms: fc.nat(100) });
  const serve = fc.record({ kind: fc.constant('serve') });
  fc.assert(
    fc.property(fc.array(fc.oneof(push, serve), { maxLength: 200 }), (steps) => {
      const queue = new FairQueue<number>();
      const sent = new Map<string, number[]>();
      const got = new Map<string, number[]>();
      const names: string[] = [];
      const costs: number[] = [];
      const take = () =>
        queue.serveNext((item) => {
          got.set(names[item]!, [...(got.get(names[item]!) ?? []), item]);
          return costs[item]!;
        });
      for (const step of steps) {
        if (!('ms' in step)) {
          take();
          continue;
        }
        const name = `${step.merchant}/${step.terminal}`;
        const item = names.push(name) - 1;
        costs.push(step.ms);
        sent.set(name, [...(sent.get(name) ?? []), item]);
        queue.push(step, item);
      }
      while (queue.size > 0) take();
      return JSON.stringify([...sent].sort()) === JSON.stringify([...got].sort());
    }),
  );
  t.pass();
});
