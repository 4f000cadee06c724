import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { provideJars } from '../../../../scripts/hbase/jars.ts';

/** An empty folder, and no Maven (or any other program) to be found. */
async function bareMachine(t: Test): Promise<string> {
  const cache = await mkdtemp(join(tmpdir(), 'tillstream-jars-'));
  const path = process.env.PATH;
  process.env.PATH = cache;
  t.teardown(() => {
    process.env.PATH = path;
    return rm(cache, { recursive: true });
  });
  return cache;
}

const quiet = () => {};

t.test('without Maven the message says what is missing and how to get it', async (t) => {
  const cache = await bareMachine(t);
  await t.rejects(provideJars(cache, quiet), {
    name: 'ToolMissing',
    message: /^Maven is missing.*apt-get install maven/,
  });
  t.same(await readdir(cache), [], 'nothing is left lying about');
});

t.test('jars that were downloaded are used again, without Maven', async (t) => {
  const cache = await bareMachine(t);
  await mkdir(join(cache, '2.6.1-hadoop3'));
  t.same(await provideJars(cache, quiet), { version: '2.6.1-hadoop3', folder: join(cache, '2.6.1-hadoop3') });
});

t.test('a half download does not count, and is cleared away once its process is gone', async (t) => {
  const cache = await bareMachine(t);
  // No process can have this id: Linux's highest is 4194304.
  await mkdir(join(cache, 'partial-99999999', 'lib'), { recursive: true });
  await t.rejects(provideJars(cache, quiet), { name: 'ToolMissing' });
  t.same(await readdir(cache), []);
});
