import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Test } from 'tap';

/** Kills it at the test's end, if it still runs, and waits until it is gone: it may write into the test's folder until then, which is removed next. */
export function killedAtEnd(t: Test, child: ChildProcess): void {
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  });
}
