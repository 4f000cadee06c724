import t from 'tap';
import { BufferRefusal } from '../../../../agent/buffer/disk/buffer-error.ts';
import { FileMovedError } from '../../../../agent/buffer/disk/classify-error.ts';
import { BufferSupervisor, type SupervisedBuffer } from '../../../../agent/buffer/supervisor.ts';
import type { Accepted } from '../../../../agent/port/intake.ts';

const ACCEPTED = { kind: 'accepted' } as Accepted;
const sqliteFault = (code: string): Error => Object.assign(new Error(code), { code });

class Buffer implements SupervisedBuffer {
  readonly #onFault: (error: unknown) => void;
  fault: Error | null = null;
  answer = ACCEPTED;
  closed = false;
  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }
  async accept(): Promise<Accepted> {
    this.read();
    return this.answer;
  }
  read(): number {
    if (this.fault === null) return 1;
    this.#onFault(this.fault);
    throw this.fault;
  }
  close(): void {
    this.closed = true;
  }
}

/** A keeper with a clock that the test moves, and what it did. */
function kept(openings: readonly (Error | null)[] = [], probe: () => string | null = () => null) {
  const left = [...openings];
  const distrusts: (string | null)[] = [];
  const buffers: Buffer[] = [];
  const ended: Buffer[] = [];
  let time = 0;
  let timer: { at: number; run: () => void } | null = null;
  const keeper = new BufferSupervisor<Buffer>({
    open(distrust, onFault) {
      distrusts.push(distrust);
      const fault = left.shift() ?? null;
      if (fault !== null) throw fault;
      const buffer = new Buffer(onFault);
      buffers.push(buffer);
      return buffer;
    },
    onOpened: () => {
      const mine = buffers.at(-1)!;
      return async () => {
        ended.push(mine);
      };
    },
    timers: {
      now: () => time,
      after(ms, run) {
        timer = { at: time + ms, run };
        return () => {
          timer = null;
        };
      },
    },
    random: () => 1,
    probeDisk: probe,
    log: { info: () => {}, error: () => {} },
  });
  /** Lets the time come that the keeper waits for. @returns how long that took */
  const wait = (): number => {
    const { at, run } = timer!;
    const waited = at - time;
    time = at;
    timer = null;
    run();
    return waited;
  };
  return {
    keeper,
    distrusts,
    buffers,
    ended,
    wait,
    isWaiting: () => timer !== null,
    later: (ms: number) => (time += ms),
  };
}

t.test('a buffer that another agent has ends the start', async (t) => {
  const { keeper } = kept([new BufferRefusal('another agent has it')]);
  t.throws(() => keeper.start(), { message: 'another agent has it' });
  await keeper.stop();
});

t.test('a disk that is not there is waited for, longer and longer, half a minute at most', async (t) => {
  const gone = sqliteFault('SQLITE_CANTOPEN');
  const { keeper, distrusts, wait, isWaiting } = kept(Array.from({ length: 12 }, () => gone));
  keeper.start();
  t.same(await keeper.accept([]), { kind: 'unavailable', detail: 'SQLITE_CANTOPEN' });
  t.equal(keeper.trouble, 'SQLITE_CANTOPEN');
  const waits = [];
  while (isWaiting()) waits.push(wait());
  t.same(waits.slice(0, 4), [100, 200, 400, 800]);
  t.equal(waits.at(-1), 30_000);
  t.ok(distrusts.every((distrust) => distrust === null));
  t.equal(keeper.trouble, null);
  t.same(await keeper.accept([]), ACCEPTED);
  await keeper.stop();
});

t.test('a full disk says so', async (t) => {
  const { keeper } = kept([sqliteFault('SQLITE_FULL')]);
  keeper.start();
  t.same(await keeper.accept([]), { kind: 'full', detail: 'SQLITE_FULL' });
  await keeper.stop();
});

t.test('the last refusal stays until a new event is stored; a duplicate proves nothing', async (t) => {
  const { keeper, buffers, wait } = kept([sqliteFault('SQLITE_FULL')]);
  keeper.start();
  t.equal(keeper.lastRefusal, null);
  await keeper.accept([]);
  t.equal(keeper.lastRefusal, 'SQLITE_FULL', 'a buffer that has no room to be opened refuses too');
  wait();
  const answers: Accepted[] = [
    { kind: 'accepted', accepted: 1 } as Accepted,
    { kind: 'full', detail: 'no space' },
    { kind: 'accepted', accepted: 0 } as Accepted,
    { kind: 'unavailable', detail: 'no disk' },
    { kind: 'accepted', accepted: 2 } as Accepted,
  ];
  const refusals: (string | null)[] = [];
  for (const answer of answers) {
    buffers[0]!.answer = answer;
    t.equal(await keeper.accept([]), answer);
    refusals.push(keeper.lastRefusal);
  }
  t.strictSame(refusals, [null, 'no space', 'no space', 'no space', null]);
  await keeper.stop();
});

t.test('a file that cannot be read is opened with distrust at once, and not so again and again', async (t) => {
  const { keeper, distrusts, wait } = kept([sqliteFault('SQLITE_NOTADB'), sqliteFault('SQLITE_CORRUPT')]);
  keeper.start();
  t.equal(wait(), 0);
  t.ok(wait() > 0);
  t.same(distrusts, [null, 'SQLITE_NOTADB', null]);
  t.equal(keeper.trouble, null);
  await keeper.stop();
});

t.test('a disk that gives no bytes of the file for long is given up, and the file salvaged', async (t) => {
  const { keeper, distrusts, wait, isWaiting } = kept(
    Array.from({ length: 5 }, () => sqliteFault('SQLITE_IOERR_READ')),
  );
  keeper.start();
  while (isWaiting()) wait();
  t.same(distrusts, [null, null, null, null, null, 'SQLITE_IOERR_READ']);
  await keeper.stop();
});

t.test('damage that is met on the way closes the buffer, and what is open next is another one', async (t) => {
  const { keeper, distrusts, buffers, ended, wait } = kept();
  keeper.start();
  const first = keeper.buffer!;
  buffers[0]!.fault = sqliteFault('SQLITE_CORRUPT_VTAB');
  t.throws(() => first.read());
  t.ok(buffers[0]!.closed);
  t.same(ended, [buffers[0]]);
  t.equal(keeper.buffer, null);
  t.equal(wait(), 0);
  t.same(distrusts, [null, 'SQLITE_CORRUPT_VTAB']);
  t.throws(() => first.read());
  t.equal(keeper.trouble, null, 'and no longer matters');
  await keeper.stop();
  t.same(
    buffers.map(({ closed }) => closed),
    [true, true],
  );
});

t.test('an event that meets such a fault is answered with why, and may come again', async (t) => {
  const { keeper, buffers, wait } = kept();
  keeper.start();
  buffers[0]!.fault = new FileMovedError('it was removed');
  t.same(await keeper.accept([]), { kind: 'unavailable', detail: 'it was removed' });
  t.equal(wait(), 100);
  t.same(await keeper.accept([]), ACCEPTED);
  await keeper.stop();
});

t.test('a full disk, or a fault that says nothing of the file, leaves the buffer open', async (t) => {
  const { keeper, buffers } = kept();
  keeper.start();
  for (const fault of [sqliteFault('SQLITE_FULL'), new TypeError('a slip')]) {
    buffers[0]!.fault = fault;
    await t.rejects(keeper.accept([]), fault);
  }
  t.not(keeper.buffer, null);
  await keeper.stop();
});

t.test('after a good while of being open, faults are waited out from the start', async (t) => {
  const { keeper, buffers, wait, later } = kept([
    null,
    sqliteFault('SQLITE_IOERR'),
    sqliteFault('SQLITE_IOERR'),
    null,
    null,
  ]);
  keeper.start();
  buffers[0]!.fault = sqliteFault('SQLITE_IOERR');
  await keeper.accept([]);
  t.same([wait(), wait(), wait()], [100, 200, 400]);
  later(60_000);
  buffers[1]!.fault = sqliteFault('SQLITE_IOERR');
  await keeper.accept([]);
  t.equal(wait(), 100);
  await keeper.stop();
});

t.test('a fault of the disk is told in the words of the system, any other in its own', async (t) => {
  const answers = ['read-only file system', null];
  const { keeper, wait, buffers } = kept(
    [sqliteFault('SQLITE_IOERR'), sqliteFault('SQLITE_IOERR')],
    () => answers.shift()!,
  );
  keeper.start();
  t.equal(keeper.trouble, 'SQLITE_IOERR: read-only file system');
  wait();
  t.equal(keeper.trouble, 'SQLITE_IOERR', 'the disk takes something again');
  wait();
  t.equal(keeper.trouble, null);
  buffers[0]!.fault = sqliteFault('SQLITE_CORRUPT');
  await t.rejects(keeper.buffer!.accept());
  t.same(answers, [], 'nobody asks for what is not of the disk');
});
