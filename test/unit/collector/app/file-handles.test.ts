import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { openFileLimit, shareFileHandles } from '../../../../collector/app/file-handles.ts';
import { holds } from '../../../support/shared/property.ts';

const WANTED = { http: 1_000, sessions: 20_000, handshakes: 4_096 };

t.test('where there are enough, each has what is configured, and nothing is said', async (t) => {
  for (const limit of [25_352, 1_000_000, null])
    t.strictSame(shareFileHandles(WANTED, limit), { ...WANTED, warning: null });
});

t.test('where there are too few, tills come first and the operator is told', async (t) => {
  const shares = shareFileHandles(WANTED, 4_096);
  t.match(shares, { http: 960, sessions: 2_112, handshakes: 768 });
  t.match(shares.warning, /may open 4096 files, and needs 25352 .* at most 2112 tills and 960 HTTP .*LimitNOFILE/);
  const noTills = { sessions: 0, handshakes: 0 };
  t.match(shareFileHandles({ http: 9_000, ...noTills }, 4_096), { http: 3_840, ...noTills }, 'a process without tills');
  t.match(shareFileHandles({ ...WANTED, http: 100 }, 4_096), { http: 100, sessions: 2_972, handshakes: 768 });
});

holds(
  t,
  'whatever the limit, the shares leave room for the rest of the process',
  fc.property(
    fc.nat(50_000),
    fc.nat(50_000),
    fc.nat(5_000),
    fc.integer({ min: 16, max: 60_000 }),
    (http, sessions, handshakes, limit) => {
      const wanted = { http: http + 16, sessions: sessions + 1, handshakes: handshakes + 1 };
      const shares = shareFileHandles(wanted, limit);
      for (const kind of ['http', 'sessions', 'handshakes'] as const)
        assert.ok(shares[kind] >= 1 && shares[kind] <= wanted[kind], kind);
      return shares.http + shares.sessions + shares.handshakes <= limit - Math.min(256, Math.floor(limit / 4));
    },
  ),
  { numRuns: 500 },
);

t.test('the limit of this process is known', async (t) => {
  t.ok(openFileLimit()! > 0);
});
