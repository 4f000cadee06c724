import t from 'tap';
import { chargedAddress, TrustedProxies } from '../../../../../collector/api/admission/addresses.ts';
import { WrongKeys } from '../../../../../collector/api/admission/wrong-keys.ts';

t.test('an address has a burst of wrong keys, then some a second', async (t) => {
  let now = 0;
  const wrong = new WrongKeys({ burst: 3, perSecond: 2, addresses: 10 }, () => now);
  const taken = (address: string, times: number) => Array.from({ length: times }, () => wrong.take(address));
  t.strictSame(taken('a', 4), [true, true, true, false]);
  t.strictSame(taken('b', 1), [true], 'another one is not concerned');
  now += 500;
  t.strictSame(taken('a', 2), [true, false]);
  now += 60_000;
  t.strictSame(taken('a', 4), [true, true, true, false], 'never more than a burst');
});

t.test('right keys cost nothing', async (t) => {
  const wrong = new WrongKeys({ burst: 2, perSecond: 1, addresses: 10 }, () => 0);
  for (let at = 0; at < 10; at++) {
    t.ok(wrong.take('a'));
    wrong.giveBack('a');
  }
});

t.test('the address that was wrong longest ago is forgotten first', async (t) => {
  const wrong = new WrongKeys({ burst: 1, perSecond: 1, addresses: 2 }, () => 0);
  for (const address of ['a', 'b', 'c']) t.ok(wrong.take(address));
  t.notOk(wrong.take('c'));
  t.notOk(wrong.take('b'));
  t.ok(wrong.take('a'));
});

t.test('a client is charged by its IPv4 address, or by its /64', async (t) => {
  for (const [address, charged] of [
    ['203.0.113.9', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['', ''],
    ['unknown', 'unknown'],
  ] as const)
    t.equal(chargedAddress(address), charged, address);
});

t.test('a proxy is trusted by its address or its network', async (t) => {
  const proxies = new TrustedProxies(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1']);
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '192.0.2.7', '2001:db8:9::1', '::1'])
    t.ok(proxies.trusts(address), address);
  for (const address of ['11.1.2.3', '192.0.2.8', '2001:db9::1', '::2', '', 'unknown', '10.1.2'])
    t.notOk(proxies.trusts(address), address);
});
