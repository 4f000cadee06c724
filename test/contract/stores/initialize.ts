/** Contract of a store's first use, on any store. */
import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { Control } from '../../../collector/store/control.ts';
import { checkLayout, initializeStore } from '../../../collector/store/initialize-store.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { controlKey } from '../../../shared/keys.ts';
import { pack } from '../../../shared/wire/message-pack.ts';

/** @param open opens tables that nobody has initialized yet, other ones at each call */
export async function initializeContract(t: Test, open: () => Promise<Tables>): Promise<void> {
  const opened = async (t: Test): Promise<Tables> => {
    const tables = await open();
    t.teardown(() => tables.close());
    return tables;
  };
  const initialize = async (tables: Tables) => {
    const proposed = { storeGen: randomBytes(4).toString('hex'), digestKey: randomBytes(16) };
    const { digestKey, ...identity } = await initializeStore(tables, ['method'], proposed);
    return { ...identity, digestKey: Buffer.from(digestKey).toString('hex') };
  };
  const record = (tables: Tables, name: string, value: unknown): Promise<void> =>
    tables.put('control', [{ row: controlKey('store', name), cells: new Map([['m:value', pack(value)]]) }]);

  await t.test('a store that has a generation and no layout is from before the first release', async (t) => {
    const tables = await opened(t);
    await tables.init();
    await record(tables, 'generation', 'old');
    await t.rejects(initialize(tables), { name: 'ConfigError', message: /layout 1.* needs 2.* configure a new store/ });
    const control = new Control(tables);
    t.equal(await control.layout(), 1, 'nothing was recorded');
    await t.rejects(checkLayout(control), { name: 'ConfigError', message: /layout 1/ });
  });

  await t.test('several processes that initialize a store at once agree on its identity', async (t) => {
    const tables = await opened(t);
    await tables.init();
    t.equal(await new Control(tables).layout(), null);
    const identities = await Promise.all(Array.from({ length: 5 }, () => initialize(tables)));
    for (const identity of identities) t.same(identity, identities[0]);
    t.match(identities[0]?.digestKey, /^[0-9a-f]{32}$/);
    t.same(await initialize(tables), identities[0]);
    t.equal(await new Control(tables).layout(), 2);
    await t.resolves(checkLayout(new Control(tables)));
  });

  await t.test('a store of a newer release is refused', async (t) => {
    const tables = await opened(t);
    await initialize(tables);
    await record(tables, 'layout', 3);
    await t.rejects(initialize(tables), {
      name: 'ConfigError',
      message: /newer release \(layout 3, this one knows 2\)/,
    });
  });
}
