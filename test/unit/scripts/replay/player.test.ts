import t from 'tap';
import type { TillEvent } from '../../../../scripts/clients/till-event.ts';
import { type PlayOptions, play, type Sender } from '../../../../scripts/replay/player.ts';

const event = (ref: number, ts = '2011-01-05T10:00:00Z'): TillEvent => ({ type: 'sale', ts, ref: `${ref}`, dims: {} });

async function* many(count: number): AsyncGenerator<TillEvent> {
  for (let ref = 0; ref < count; ref++) yield event(ref);
}

const options = (more: Partial<PlayOptions> = {}): PlayOptions => ({
  speed: Number.POSITIVE_INFINITY,
  batch: 1,
  now: () => performance.now(),
  signal: new AbortController().signal,
  ...more,
});

/** Keeps what it gets. */
class Recorder implements Sender {
  readonly posts: string[][] = [];

  async send(events: readonly TillEvent[]) {
    this.posts.push(events.map(({ ref }) => ref));
    return { accepted: events.length, duplicates: 0, retries: 0 };
  }
}

t.test('every event reaches one till, in order', async (t) => {
  const tills = [new Recorder(), new Recorder(), new Recorder()];
  const tally = await play(many(1000), tills, options());
  const refs = tills.map(({ posts }) => posts.flat().map(Number));
  t.strictSame(tally, { sent: 1000, accepted: 1000, duplicates: 0, retries: 0 });
  t.strictSame(
    refs.flat().sort((a, b) => a - b),
    Array.from({ length: 1000 }, (_, ref) => ref),
  );
  for (const some of refs) {
    t.strictSame(
      some,
      some.toSorted((a, b) => a - b),
    );
    t.ok(some.length > 250, 'they share the work');
  }
});

t.test('a ref goes to the same till in every replay', async (t) => {
  const replay = async (first: number) => {
    const tills = [new Recorder(), new Recorder()];
    async function* some() {
      for (let ref = first; ref < 100; ref++) yield event(ref);
    }
    await play(some(), tills, options());
    return tills.map(({ posts }) => posts.flat().filter((ref) => Number(ref) >= 50));
  };
  t.strictSame(await replay(0), await replay(50));
});

t.test('a post holds at most a batch', async (t) => {
  const till = new Recorder();
  await play(many(100), [till], options({ batch: 30 }));
  t.ok(till.posts.every(({ length }) => length <= 30));
  t.equal(till.posts.flat().length, 100);
});

t.test('the times between events are those of the file, divided by the speed', async (t) => {
  const till = new Recorder();
  async function* hourly() {
    yield event(1, '2011-01-05T10:00:00Z');
    yield event(2, '2011-01-05T11:00:00Z');
  }
  const start = performance.now();
  await play(hourly(), [till], options({ speed: 36_000 }));
  t.ok(performance.now() - start >= 100, 'an hour at 36,000 times real time is 100 ms');
  t.strictSame(till.posts, [['1'], ['2']]);
});

t.test('a till that refuses ends the replay, with its reason', async (t) => {
  const broken: Sender = { send: () => Promise.reject(new Error('400')) };
  await t.rejects(play(many(10_000), [new Recorder(), broken], options()), { message: '400' });
});

t.test('a file that ends in a fault ends the replay, with its reason', async (t) => {
  async function* cut() {
    yield event(1);
    throw new Error('unexpected end of file');
  }
  await t.rejects(play(cut(), [new Recorder()], options()), { message: 'unexpected end of file' });
});

t.test('a signal ends the replay', async (t) => {
  const stopping = new AbortController();
  const stuck: Sender = {
    send: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        stopping.abort(new Error('stopped'));
      }),
  };
  await t.rejects(play(many(10_000), [stuck], options({ signal: stopping.signal })), { message: 'stopped' });
});

t.test('a signal ends a replay that waits for the next event, with its own reason', async (t) => {
  const stopping = new AbortController();
  async function* yearly() {
    yield event(1, '2011-01-05T10:00:00Z');
    yield event(2, '2012-01-05T10:00:00Z');
  }
  const till: Sender = {
    send: async () => {
      setImmediate(() => stopping.abort(new Error('stopped')));
      return { accepted: 1, duplicates: 0, retries: 0 };
    },
  };
  await t.rejects(play(yearly(), [till], options({ speed: 1, signal: stopping.signal })), { message: 'stopped' });
});

t.test('reading does not run far ahead of a till', async (t) => {
  const gate = Promise.withResolvers<void>();
  let read = 0;
  async function* counted() {
    for await (const next of many(5000)) {
      read++;
      yield next;
    }
  }
  let posts = 0;
  const slow: Sender = {
    send: async (events) => {
      if (posts++ === 0) await gate.promise;
      return { accepted: events.length, duplicates: 0, retries: 0 };
    },
  };
  const playing = play(counted(), [slow], options());
  setImmediate(() => {
    t.ok(read < 1000, `${read} events read while the first one waits`);
    gate.resolve();
  });
  t.equal((await playing).sent, 5000);
});
