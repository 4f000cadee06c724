import t from 'tap';
import { RefusalTracker } from '../../../../agent/monitoring/refusal-tracker.ts';
import type { Accepted } from '../../../../agent/port/intake.ts';
import { epoch, streamId } from '../../../../shared/ids.ts';
import { TERMINAL } from '../../../support/agent/events.ts';

const stored = (accepted: number): Accepted => ({
  kind: 'accepted',
  accepted,
  stream: streamId(TERMINAL, epoch('0123456789abcdef')),
  firstSeq: accepted > 0 ? 1 : null,
  lastSeq: accepted > 0 ? accepted : null,
  duplicates: [],
});

t.test('a buffer is full from a refusal on, until it takes a new event; a duplicate proves nothing', async (t) => {
  const answers: Accepted[] = [stored(1), { kind: 'full', detail: 'no space' }, stored(0), stored(2)];
  const watch = new RefusalTracker({ accept: async () => answers.shift()! });
  const states: (string | null)[] = [];
  while (answers.length > 0) {
    await watch.accept([]);
    states.push(watch.reason);
  }
  t.strictSame(states, [null, 'no space', 'no space', null]);
});
