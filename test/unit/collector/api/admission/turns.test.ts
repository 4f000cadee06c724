import t from 'tap';
import { Turns } from '../../../../../collector/api/admission/turns.ts';

/** In which iteration of the event loop each piece of work ran. */
function recorded() {
  const ran: string[] = [];
  let iteration = 0;
  let counting = true;
  const count = (): void => {
    iteration++;
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  return {
    ran,
    work: (name: string) => () => void ran.push(`${name}@${iteration}`),
    stop: () => {
      counting = false;
    },
  };
}

t.test('one piece of work runs in an iteration of the loop, and one for health', async (t) => {
  const turns = new Turns(() => 0);
  const { ran, work, stop } = recorded();
  turns.take('a', work('first'));
  t.strictSame(ran, ['first@0'], 'at once, since nobody had a turn');
  for (const name of ['a1', 'a2', 'b1']) turns.take(name[0]!, work(name));
  const slice = turns.next('c').then(work('c1'));
  turns.takeForHealth('a', work('health'));
  await slice;
  while (ran.length < 6) await new Promise(setImmediate);
  stop();
  const iterations = ran.slice(1).map((entry) => Number(entry.split('@')[1]));
  t.strictSame(
    ran.slice(1).map((entry) => entry.split('@')[0]),
    ['health', 'a1', 'c1', 'b1', 'a2'],
  );
  t.equal(new Set(iterations.slice(1)).size, 4, 'each in an iteration of its own');
});

t.test('work that is always there takes its turns and no more', async (t) => {
  const turns = new Turns();
  let floods = 0;
  let stopped = false;
  const flood = (): void => {
    floods++;
    if (!stopped) turns.take('flood', flood);
  };
  for (let at = 0; at < 100; at++) turns.take('flood', flood);
  for (let at = 0; at < 10; at++) await turns.next('honest');
  stopped = true;
  t.ok(floods <= 30, `${floods} pieces while another owner had ten turns`);
});

t.test('answers have every other turn, from however many addresses requests come', async (t) => {
  const turns = new Turns(() => 0);
  let requests = 0;
  let stopped = false;
  const flood = (address: string): void => {
    requests++;
    if (!stopped) turns.take(address, () => flood(address));
  };
  for (let at = 0; at < 100; at++) flood(`2001:db8:0:${at.toString(16)}::/64`);
  requests = 0;
  for (let at = 0; at < 10; at++) await turns.next('merchant');
  stopped = true;
  t.ok(requests <= 11, `${requests} requests began while an answer had ten turns`);
});

t.test('requests have every other turn, however many answers are under way', async (t) => {
  const turns = new Turns(() => 0);
  let slices = 0;
  let stopped = false;
  const answer = async (merchant: string): Promise<void> => {
    for (; !stopped; slices++) await turns.next(merchant);
  };
  for (let at = 0; at < 32; at++) void answer(`merchant-${at}`);
  for (let at = 0; at < 10; at++) await new Promise<void>((resolve) => turns.take('address', resolve));
  stopped = true;
  t.ok(slices <= 11, `${slices} slices ran while an address had ten requests`);
});
