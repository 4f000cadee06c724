import t from 'tap';
import { GcPacer, type Heap } from '../../../../agent/runtime/gc-pacer.ts';

/** Holds what lives, and the garbage since it was last collected. */
function heapOf(lives: number) {
  const heap = { lives, garbage: 0, collections: 0 };
  const port: Heap = {
    used: () => heap.lives + heap.garbage,
    collect() {
      heap.garbage = 0;
      heap.collections++;
    },
  };
  return { heap, watch: new GcPacer(port) };
}

t.test('garbage is collected once the heap has grown by a quarter, and not before', async (t) => {
  const { heap, watch } = heapOf(8_000);
  watch.maybeCollect();
  heap.garbage = 2_000;
  watch.maybeCollect();
  t.equal(heap.collections, 0);
  heap.garbage = 2_001;
  watch.maybeCollect();
  t.equal(heap.collections, 1);
});

t.test('what lives on is no reason to collect again and again', async (t) => {
  const { heap, watch } = heapOf(8_000);
  watch.maybeCollect();
  heap.lives = 16_000;
  for (let look = 0; look < 10; look++) watch.maybeCollect();
  t.equal(heap.collections, 1);
  // Nor is it a measure once it is gone.
  heap.lives = 8_000;
  watch.maybeCollect();
  heap.garbage = 2_001;
  watch.maybeCollect();
  t.equal(heap.collections, 2);
});
