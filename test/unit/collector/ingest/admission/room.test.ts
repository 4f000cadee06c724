import t from 'tap';
import { Room } from '../../../../../collector/ingest/admission/room.ts';

const LIMITS = { maxBytes: 1_000_000, maxTerminalBatches: 64, maxTerminalBytes: 100_000 };
const till = (merchant: string, terminal = 'a') => ({ merchant, terminal });

/** How many batches of a size find room until the first that does not, and why that one does not. */
function fill(room: Room, payer: { merchant: string; terminal: string }, size: number) {
  for (let taken = 0; ; taken++) {
    const place = room.take(payer, size);
    if (typeof place === 'string') return { taken, refused: place };
  }
}

t.test('a terminal holds so many batches and so many bytes, through however many connections', async (t) => {
  t.same(fill(new Room(LIMITS), till('acme'), 100), { taken: 64, refused: 'terminal-room' });
  t.same(fill(new Room(LIMITS), till('acme'), 9_488), { taken: 10, refused: 'terminal-room' });
});

t.test('a merchant holds half of the room, and the next one finds half of the rest', async (t) => {
  const room = new Room({ ...LIMITS, maxTerminalBytes: 1_000_000 });
  t.same(fill(room, till('evil'), 9_488), { taken: 50, refused: 'merchant-room' });
  t.same(fill(room, till('evil', 'b'), 9_488), { taken: 0, refused: 'merchant-room' });
  t.same(fill(room, till('good'), 9_488), { taken: 25, refused: 'merchant-room' });
  t.same(room.ofMerchant(till('good')), { held: 250_000, max: 250_000 });
});

t.test('what is released is free again, to the last byte', async (t) => {
  const room = new Room(LIMITS);
  const places = Array.from({ length: 64 }, () => room.take(till('acme'), 100));
  t.equal(room.take(till('acme'), 100), 'terminal-room');
  for (const place of places) if (typeof place !== 'string') room.release(place);
  t.equal(room.heldBytes, 0);
  t.same(fill(room, till('acme'), 100), { taken: 64, refused: 'terminal-room' });
});
