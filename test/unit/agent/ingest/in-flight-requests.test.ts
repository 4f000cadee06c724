import t from 'tap';
import { InFlightRequests } from '../../../../agent/ingest/in-flight-requests.ts';

t.test('the oldest arrival counts until its request is answered', async (t) => {
  const requests = new InFlightRequests();
  t.equal(requests.oldest(), null);
  const first = requests.arrived(5);
  const second = requests.arrived(3);
  const third = requests.arrived(3);
  t.equal(requests.oldest(), 3);
  second();
  t.equal(requests.oldest(), 3);
  third();
  t.equal(requests.oldest(), 5);
  first();
  t.equal(requests.oldest(), null);
});
