/**
 * The buffer alone on a real file system that somebody else fills to the last byte, at any moment: acknowledgements and the ledger are still
 * written, `drop-oldest` goes on in the room that is there, and all is accounted for. Needs root, for the mounts.
 */
import { spawnSync } from 'node:child_process';
import { rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { account } from '../../agent/buffer/integrity/seq-accounting.ts';
import { openReadOnly } from '../../agent/buffer/support/open-read-only.ts';
import { parsed, sale } from '../support/agent/events.ts';
import { scratchBuffer } from '../support/agent/temp-buffer.ts';

const missing = process.getuid?.() === 0 ? false : 'only root can mount';
t.setTimeout(120_000);

function run(command: string, ...words: string[]): void {
  const { status, stderr } = spawnSync(command, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${stderr}`);
}

/** A mounted ext4 file system of 20 MiB. */
function disk(t: Test): Disposable & { readonly mount: string; fill(): () => void } {
  const folder = t.testdir({ mount: {} });
  const [image, mount] = [join(folder, 'image'), join(folder, 'mount')];
  writeFileSync(image, '');
  truncateSync(image, 20 * 1024 * 1024);
  run('mkfs.ext4', '-q', '-F', '-m', '0', image);
  run('mount', '-o', 'loop', image, mount);
  return {
    mount,
    fill() {
      const other = join(mount, 'somebody-else');
      // `dd` ends with an error when nothing is left: that is the point.
      spawnSync('dd', ['if=/dev/zero', `of=${other}`, 'bs=1024', 'conv=fsync']);
      return () => rmSync(other);
    },
    [Symbol.dispose]: () => run('umount', '-l', mount),
  };
}

/** With pages that were never copied from the log, and with none. */
const POSTS = [3, 30, 100];

for (const whenFull of ['reject', 'drop-oldest'] as const) {
  for (const posts of POSTS) {
    t.test(`${whenFull}: the disk is filled after ${posts} posts`, { skip: missing }, async (t) => {
      using small = disk(t);
      const { mount, fill } = small;
      const scratch = scratchBuffer(mount);
      const options = { whenFull, minFreeBytes: null };
      let buffer = scratch.open(options);
      const { open: epoch } = buffer.holdings();
      let ref = 0;
      const post = (count: number) =>
        buffer.accept(
          Array.from({ length: count }, () => parsed(sale(`R-${ref++}`, { attrs: 'x'.repeat(ref % 500) }))),
        );
      for (let at = 0; at < posts; at++) t.match(await post(100), { kind: 'accepted' });
      const free = fill();
      t.ok(statfsSync(mount).bavail < 8, 'next to nothing is left');

      for (let at = 0; at < 20; at++) t.equal((await post(1)).kind, whenFull === 'reject' ? 'full' : 'accepted');
      const { lastSeq } = buffer.facts().epochs.at(-1)!;
      const middle = Math.floor(lastSeq / 2);
      for (let seq = 1; seq <= middle; seq += 50)
        await buffer.settle([{ kind: 'stored', epoch, firstSeq: seq, lastSeq: Math.min(middle, seq + 49) }]);
      await buffer.settle([{ kind: 'quarantined', epoch, firstSeq: middle + 1, lastSeq: middle + 9, reason: 'odd' }]);
      t.equal(buffer.facts().quarantined, 9);
      t.match(await post(1), { kind: 'accepted' }, 'what was acknowledged makes room');
      buffer.close();

      buffer = scratch.open(options);
      t.ok(buffer.facts().pending > 0, 'it opens on a full disk');
      free();
      t.match(await post(100), { kind: 'accepted' }, 'and comes back by itself');
      const reader = openReadOnly(scratch.path);
      t.equal(account(reader).sound, true);
      reader.close();
      buffer.close();
      t.same(scratch.damage, []);
    });
  }
}

for (const whenFull of ['reject', 'drop-oldest'] as const) {
  t.test(`${whenFull}: requests of 50 KB on a brim-full disk`, { skip: missing }, async (t) => {
    using small = disk(t);
    const scratch = scratchBuffer(small.mount);
    const options = { whenFull, minFreeBytes: 0 };
    let buffer = scratch.open(options);
    let ref = 0;
    const post = () =>
      buffer.accept(Array.from({ length: 50 }, () => parsed(sale(`R-${ref++}`, { attrs: 'x'.repeat(1_000) }))));
    for (let at = 0; at < 30; at++) t.match(await post(), { kind: 'accepted' });
    small.fill();
    for (let at = 0; at < 50; at++) t.equal((await post()).kind, whenFull === 'reject' ? 'full' : 'accepted');
    for (let again = 0; again < 2; again++) {
      for (const { epoch, pending } of buffer.holdings().epochs)
        await buffer.settle(pending.map(([firstSeq, lastSeq]) => ({ kind: 'stored', epoch, firstSeq, lastSeq })));
      t.equal(buffer.facts().pending, 0);
      for (let at = 0; at < 10; at++) t.match(await post(), { kind: 'accepted' }, 'what was acknowledged makes room');
      buffer.close();
      buffer = scratch.open(options);
      t.equal(buffer.facts().pending, 500);
    }
    const reader = openReadOnly(scratch.path);
    t.equal(account(reader).sound, true);
    reader.close();
    buffer.close();
  });
}
