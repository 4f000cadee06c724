import t from 'tap';
import type { LaneName } from '../../../../../agent/ship/batching/in-flight-window.ts';
import { LaneRotation } from '../../../../../agent/ship/batching/lane-rotation.ts';

/** What is sent while all of these lanes have something to send. */
function sequence(lanes: readonly LaneName[], count: number): LaneName[] {
  const turns = new LaneRotation();
  return Array.from({ length: count }, () => {
    const lane = turns.order.find((lane) => lanes.includes(lane))!;
    turns.sent(lane);
    return lane;
  });
}

t.test('loss records go first, then what is new, then the backlog', async (t) => {
  t.same(new LaneRotation().order, ['losses', 'live', 'backlog']);
});

t.test('no lane waits for ever behind another', async (t) => {
  for (const lanes of [
    ['losses', 'live'],
    ['live', 'backlog'],
  ] as const) {
    const sent = sequence(lanes, 100);
    t.same(sent.slice(0, 6), [lanes[0], lanes[0], lanes[0], lanes[0], lanes[1], lanes[0]]);
    t.equal(sent.filter((lane) => lane === lanes[1]).length, 20);
  }
});
