import t from 'tap';
import { Progress } from '../../../../scripts/replay/progress.ts';

const tally = (sent: number) => ({ sent, accepted: sent, duplicates: 0, retries: 0 });

function shown(isTTY: boolean, times: readonly number[]): string[] {
  const written: string[] = [];
  let now = 0;
  const progress = new Progress({ isTTY, columns: 100, write: (text) => written.push(text) }, 200, () => now);
  for (const time of times) {
    now = time;
    progress.update(tally(100));
  }
  progress.end();
  return written;
}

t.test('a terminal gets one line that changes, and is cleared', async (t) => {
  const written = shown(true, [1000, 1010, 2000]);
  t.equal(written.length, 3, 'not at every event');
  t.match(written[0], /^\r\[#{15}\.{15}\] 50 % {2}100 of 200 events {2}100\/s/);
  t.equal(written.at(-1), '\r\x1b[K');
});

t.test('a file gets a plain line every now and then', async (t) => {
  t.strictSame(shown(false, [1000, 10_000, 10_001]), ['50 %  100 of 200 events  10/s\n']);
});
