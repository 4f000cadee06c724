import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { openFileLimit, shareFileHandles } from '../../../../collector/app/file-handles.ts';
import { holds } from '../../../support/shared/property.ts';

const WANTED = { http: 1_000, mqtt: 20_000 };

t.test('where there are enough, each has what is configured, and nothing is said', async (t) => {
  for (const limit of [21_256, 1_000_000, null])
    t.strictSame(shareFileHandles(WANTED, limit), { ...WANTED, warning: null });
});

t.test('where there are too few, tills come first and the operator is told', async (t) => {
  const shares = shareFileHandles(WANTED, 4_096);
  t.match(shares, { http: 960, mqtt: 2_880 });
  t.match(shares.warning, /may open 4096 files, and needs 21256 .* at most 2880 tills and 960 HTTP .*LimitNOFILE/);
  t.match(shareFileHandles({ http: 9_000, mqtt: 0 }, 4_096), { http: 3_840, mqtt: 0 }, 'a process without tills');
  t.match(shareFileHandles({ http: 100, mqtt: 20_000 }, 4_096), { http: 100, mqtt: 3_740 });
});

holds(
  t,
  'whatever the limit, the shares leave room for the rest of the process',
  fc.property(fc.nat(50_000), fc.nat(50_000), fc.integer({ min: 16, max: 60_000 }), (http, mqtt, limit) => {
    const shares = shareFileHandles({ http: http + 16, mqtt: mqtt + 1 }, limit);
    assert.ok(shares.http >= 1 && shares.http <= http + 16);
    assert.ok(shares.mqtt >= 1 && shares.mqtt <= mqtt + 1);
    return shares.http + shares.mqtt <= limit - Math.min(256, Math.floor(limit / 4));
  }),
  { numRuns: 500 },
);

t.test('the limit of this process is known', async (t) => {
  t.ok(openFileLimit()! > 0);
});
