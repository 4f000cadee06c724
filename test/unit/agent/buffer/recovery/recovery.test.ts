import t from 'tap';
import { FullError } from '../../../../../agent/buffer/disk/buffer-error.ts';
import { Recovery } from '../../../../../agent/buffer/recovery/recovery.ts';
import { ChangeSet } from '../../../../../agent/buffer/transaction/changeset.ts';
import type { TransactionRunner } from '../../../../../agent/buffer/transaction/transaction-runner.ts';

interface Given {
  readonly slices: number;
  readonly room: number;
  readonly acked?: number;
  readonly ahead?: boolean;
}

/** A salvage of so many slices, a budget with room for so many, and acked rows, each of which is worth a slice; `notes`: room for a few bytes. */
function salvaging({ slices, room, acked = 0, ahead = false }: Given) {
  const did: string[] = [];
  const state = { slices, room, acked, notes: 1, faults: 0 };
  const salvage = {
    get isOver() {
      return state.slices === 0;
    },
    isShipping: ahead,
    async shipAhead() {
      if (state.notes === 0) throw new FullError('no room');
      this.isShipping = true;
    },
    async step() {
      if (state.room === 0) throw new FullError('no room');
      state.room--;
      state.slices--;
      return state.slices > 0;
    },
    spareRoom: () => did.push('spare'),
    describe: () => (state.slices === 0 ? null : `${state.slices} left`),
  };
  const transactions: TransactionRunner = {
    run: async (work) => work(new ChangeSet(0)),
    runBounded: async (work) => work(new ChangeSet(0), 1),
    runAlone: (work) => work(new ChangeSet(0)),
  };
  const transitions = {
    evictAcked(rows: number) {
      const count = Math.min(rows, state.acked);
      state.acked -= count;
      state.room += count;
      return count;
    },
  };
  const bringing = new Recovery(
    salvage,
    transactions,
    transitions,
    { releaseReserve: () => did.push('relieve') },
    {
      reloadEpochs() {},
      reload() {
        if (state.faults-- > 0) throw new Error('disk I/O error');
        did.push('load');
      },
    },
  );
  let mayShip = false;
  void bringing.mayShip.then(() => {
    mayShip = true;
  });
  return { bringing, did, state, salvage, mayShip: () => mayShip };
}

const never = async (): Promise<boolean> => {
  throw new Error('nothing to wait for');
};

t.test('nothing to bring over', async (t) => {
  const { bringing, did, mayShip } = salvaging({ slices: 0, room: 0 });
  t.equal(bringing.isWhole, true);
  t.equal(bringing.describe(), null);
  await bringing.run(never);
  t.same(did, []);
  t.equal(mayShip(), true);
});

t.test('it is whole once memory knows it, and nothing is shipped before', async (t) => {
  const { bringing, did, state, mayShip } = salvaging({ slices: 3, room: 3 });
  t.equal(bringing.describe(), '3 left');
  const running = bringing.run(never);
  state.slices = 0;
  t.equal(bringing.describe(), 'counting the recovered events');
  t.equal(mayShip(), false);
  state.slices = 2;
  await running;
  t.equal(bringing.isWhole, true);
  t.same(did, ['load']);
  t.equal(mayShip(), true);
});

t.test('where there is no room, what the collector has goes first', async (t) => {
  const { bringing, did, state } = salvaging({ slices: 3, room: 1, acked: 5 });
  await bringing.run(never);
  t.equal(state.acked, 3, 'no more of it than needed');
  t.same(did, ['spare', 'relieve', 'spare', 'relieve', 'load']);
});

t.test('where nothing of that is left, it waits, and after some pauses what is here is shipped', async (t) => {
  const { bringing, did, state, salvage, mayShip } = salvaging({ slices: 2, room: 0 });
  const pauses: boolean[] = [];
  await bringing.run(async (ms) => {
    t.ok(ms > 0);
    pauses.push(mayShip());
    if (pauses.length === 8) state.room = 2;
    return true;
  });
  t.same(pauses, [false, false, false, false, false, true, true, true]);
  t.equal(salvage.isShipping, true);
  t.same(
    did.filter((what) => what === 'load'),
    ['load', 'load', 'load'],
    'from then on memory knows each slice',
  );
  t.equal(bringing.isWhole, true);
});

t.test(
  'what was shipped before by an earlier process goes on being shipped, also where there is still no room',
  async (t) => {
    const { bringing, did, mayShip } = salvaging({ slices: 2, room: 0, ahead: true });
    const pauses: boolean[] = [];
    await bringing.run(async () => {
      pauses.push(mayShip());
      return pauses.length < 8;
    });
    t.ok(
      pauses.every((may) => may),
      `${pauses}`,
    );
    t.notOk(did.includes('load'), 'memory knew it from its opening on');
  },
);

t.test('a fault between allowing events to be shipped and loading them does not hold them back for ever', async (t) => {
  const { bringing, state, salvage, mayShip } = salvaging({ slices: 3, room: 0 });
  state.faults = 1;
  await t.rejects(
    bringing.run(async () => true),
    /disk I\/O error/,
  );
  t.same([salvage.isShipping, mayShip()], [true, false]);
  state.room = 1;
  await bringing.run(async () => false);
  t.equal(mayShip(), true);
});

t.test('nothing is shipped while that cannot be remembered', async (t) => {
  const { bringing, state, salvage, mayShip } = salvaging({ slices: 2, room: 0 });
  state.notes = 0;
  const pauses: boolean[] = [];
  await bringing.run(async () => {
    pauses.push(mayShip());
    if (pauses.length === 8) state.notes = 1;
    return pauses.length < 10;
  });
  t.same(pauses, [false, false, false, false, false, false, false, false, true, true]);
  t.equal(salvage.isShipping, true);
});

t.test('a buffer that is about to be closed waits no longer', async (t) => {
  const { bringing, mayShip } = salvaging({ slices: 1, room: 0 });
  await bringing.run(async () => false);
  t.equal(bringing.isWhole, false);
  t.equal(mayShip(), false);
});

t.test('another fault is told', async (t) => {
  const { bringing, salvage } = salvaging({ slices: 1, room: 1 });
  salvage.step = async () => {
    throw new Error('the disk is gone');
  };
  await t.rejects(bringing.run(never), { message: 'the disk is gone' });
});
