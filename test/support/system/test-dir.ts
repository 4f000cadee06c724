/** A test's own folder, however often it is asked for: tap's `testdir` empties it each time. */
import type { Test } from 'tap';

const made = new WeakMap<Test, string>();

export function testDir(t: Test): string {
  const dir = made.get(t) ?? t.testdir();
  made.set(t, dir);
  return dir;
}
