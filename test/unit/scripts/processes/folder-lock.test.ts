import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import t from 'tap';
import { FolderLock } from '../../../../scripts/processes/folder-lock.ts';

t.test('a folder is held once, until it is let go', async (t) => {
  const folder = t.testdir();
  const held = FolderLock.take(folder);
  t.not(held, null);
  t.equal(FolderLock.take(folder), null);
  held![Symbol.dispose]();
  const again = FolderLock.take(folder);
  t.not(again, null);
  again![Symbol.dispose]();
});

t.test('a killed holder holds no longer', async (t) => {
  const folder = t.testdir();
  const module = new URL('../../../../scripts/processes/folder-lock.ts', import.meta.url).href;
  const source = `const { FolderLock } = await import(${JSON.stringify(module)}); FolderLock.take(${JSON.stringify(folder)}); console.log('held'); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  t.equal(FolderLock.take(folder), null);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  const taken = FolderLock.take(folder);
  t.not(taken, null);
  taken![Symbol.dispose]();
});
