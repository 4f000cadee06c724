import t from 'tap';
import { Admission, type AdmissionLimits } from '../../../../../collector/broker/transport/admission.ts';

/** Admits by name; `ended` lists the names that were ended, `reasons` why. */
function standing(limits: Partial<AdmissionLimits> = {}) {
  const reasons: string[] = [];
  const ended: string[] = [];
  const admission = new Admission(
    { maxHandshakes: 4, maxHandshakesPerAddress: 2, loadBalancers: [], ...limits },
    (reason) => reasons.push(reason),
  );
  const admit = (name: string, peer: string) => admission.admit(peer, () => ended.push(name));
  return { admission, admit, ended, reasons };
}

t.test('where an address has no room left, its oldest handshake is ended for the newest', async (t) => {
  const { admission, admit, ended, reasons } = standing();
  admit('other', '10.0.0.1');
  for (const name of ['a', 'b', 'c', 'd']) admit(name, '10.0.0.2');
  t.same(ended, ['a', 'b']);
  t.same(reasons, ['address-handshakes', 'address-handshakes']);
  t.equal(admission.size, 3);
});

t.test('where none is left at all, the oldest of all is ended', async (t) => {
  const { admission, admit, ended, reasons } = standing();
  for (let i = 0; i < 6; i++) admit(`${i}`, `10.0.0.${i}`);
  t.same(ended, ['0', '1']);
  t.same(reasons, ['handshakes', 'handshakes']);
  t.equal(admission.size, 4);
});

t.test('who made progress is the newest again, and who is done is none any more', async (t) => {
  const { admission, admit, ended } = standing({ maxHandshakesPerAddress: 4 });
  const [a, b] = ['a', 'b', 'c', 'd'].map((name) => admit(name, '10.0.0.1'));
  a!.progressed();
  b!.done();
  b!.done();
  b!.progressed();
  t.equal(admission.size, 3);
  for (const name of ['e', 'f', 'g']) admit(name, '10.0.0.1');
  t.same(ended, ['c', 'd']);
});

t.test('a load balancer is not one address', async (t) => {
  const { admit, ended } = standing({ loadBalancers: ['10.1.0.0/16', '::1', '2001:db8::/32'] });
  for (const peer of ['10.1.2.3', '::ffff:10.1.2.3', '10.1.2.3', '10.1.2.3']) admit(peer, peer);
  t.same(ended, []);
  admit('next', '::1');
  t.same(ended, ['10.1.2.3'], 'the room in all holds for it too');
});

t.test('IPv6 counts by /64, IPv4 the same in both forms', async (t) => {
  const { admission, admit, ended } = standing({ maxHandshakes: 100 });
  for (const peer of ['2001:db8::1', '2001:db8:0:0:5::1', '2001:db8::2:3:4:5']) admit(peer, peer);
  t.same(ended, ['2001:db8::1']);
  for (const peer of ['2001:db8:0:1::1', '2001:db8:1::', 'fe80::1%eth0']) admit(peer, peer);
  t.equal(ended.length, 1);
  for (const peer of ['10.0.0.1', '::ffff:10.0.0.1', '10.0.0.1']) admit(peer, peer);
  t.same(ended.slice(1), ['10.0.0.1']);
  t.equal(admission.size, 7);
});

t.test('sockets that are gone already have no address, and count together', async (t) => {
  const { admission, admit, ended } = standing({ loadBalancers: ['10.0.0.0/8'] });
  for (const name of ['a', 'b', 'c']) admit(name, '');
  t.same(ended, ['a']);
  for (const name of ['d', 'e', 'f']) admit(name, 'fe80::1%eth0');
  t.same(ended, ['a', 'd']);
  t.equal(admission.size, 4);
});
