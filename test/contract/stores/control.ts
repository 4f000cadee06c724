import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { Control } from '../../../collector/store/control.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { freshMerchant } from '../../support/region/fresh.ts';

export async function controlContract(t: Test, tables: Tables): Promise<void> {
  const control = new Control(tables);

  await t.test('an API key is found by its hash, also when it was revoked', async (t) => {
    const hash = randomBytes(32).toString('hex');
    const key = { merchant: freshMerchant(), hash, createdAt: 1_300_000_000_000, revokedAt: null };
    t.equal(await control.apiKey(hash), null);
    await control.addApiKey(key);
    t.same(await control.apiKey(hash), key);
    t.equal(await control.revokeApiKey((await control.apiKey(hash))!, 1_300_000_000_001), true);
    t.equal(await control.revokeApiKey(key, 1_300_000_000_002), false, 'it has changed since it was read');
    t.match(await control.apiKey(hash), { revokedAt: 1_300_000_000_001 });
    const listed = (await Array.fromAsync(control.apiKeys())).filter((listed) => listed.hash === hash);
    t.match(listed, [{ ...key, revokedAt: 1_300_000_000_001 }]);
    t.equal(await control.apiKey(''), null, 'no key has an empty hash');
  });

  await t.test("the store's generation is its first caller's", async (t) => {
    const generation = await control.storeGen(randomBytes(8).toString('hex'));
    t.equal(await control.storeGen('another'), generation);
  });

  await t.test("the store's digest key is its first caller's", async (t) => {
    const proposals = Array.from({ length: 3 }, () => control.digestKey(randomBytes(16)));
    const keys = (await Promise.all(proposals)).map((key) => Buffer.from(key).toString('hex'));
    t.equal(new Set(keys).size, 1);
    t.equal(Buffer.from(await control.digestKey(randomBytes(16))).toString('hex'), keys[0]);
  });

  await t.test('a probe can be written again and again', async (t) => {
    await t.resolves(control.probe('a-host', 1));
    await t.resolves(control.probe('a-host', 2));
  });
}
