import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { strippedElf } from '../../../../scripts/package/strip-elf.ts';

const linux64 = process.platform === 'linux';

t.test('Node without its symbols and section headers runs, and is a fifth smaller', { skip: !linux64 }, (t) => {
  const node = readFileSync(process.execPath);
  const stripped = strippedElf(node);
  t.ok(stripped.length < 0.8 * node.length, `${stripped.length} of ${node.length} bytes`);
  const file = join(t.testdir(), 'node');
  writeFileSync(file, stripped);
  chmodSync(file, 0o755);
  t.match(spawnSync(file, ['-p', '6 * 7'], { encoding: 'utf8' }), { status: 0, stdout: '42\n' });
  t.ok(strippedElf(stripped).equals(stripped), 'a second time changes nothing');
  t.end();
});
