import type { FastifyRequest } from 'fastify';
import t from 'tap';
import { Auth } from '../../../../collector/api/auth.ts';
import { API_LIMITS } from '../../../../collector/api/limits.ts';
import { merchantId } from '../../../../shared/ids.ts';

const acme = merchantId('acme');
const asking = (key: string): FastifyRequest =>
  ({ headers: { authorization: `Bearer ${key}` }, params: { merchant: acme } }) as unknown as FastifyRequest;

t.test('a key that was right lately is looked up again, however many unknown keys are', async (t) => {
  let now = 0;
  let answered = true;
  let asked = 0;
  const right = { merchant: acme, hash: '', createdAt: 0, revokedAt: null };
  const keys = {
    apiKey: () => {
      asked++;
      return answered ? Promise.resolve(right) : new Promise<never>(() => undefined);
    },
  };
  const auth = new Auth(keys, () => now);
  const refused: string[] = [];
  const ask = (key: string, address: string) => auth.merchant(asking(key), address, (reason) => refused.push(reason));
  t.equal(await ask('known', 'a'), acme);
  now = 3_600_000;
  answered = false;
  const { value: most } = API_LIMITS.keyLookups;
  for (let at = 0; at < most; at++) void ask(`invented-${at}`, `address-${at}`);
  t.match(await ask('one-more', 'b').catch((error: unknown) => error), { status: 503 });
  t.same(refused, ['key-lookups']);
  const before = asked;
  void ask('known', 'a');
  t.equal(asked, before + 1, 'the store is asked');
});
