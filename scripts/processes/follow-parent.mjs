/**
 * Preloaded (`--import`) into the processes that a script starts: when the script is gone, even by kill -9, so is the process.
 *
 * The channel that `stdio: 'ipc'` opens closes with its other end, on every platform. A preload, so that the agent and the collector
 * themselves know nothing of it: under systemd or Kubernetes nobody holds such a channel.
 *
 * Plain JavaScript: to strip types takes Node 10 MiB, which a benchmark would count as the bundled agent's.
 */
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';

/** For a clean stop; then the hard way. */
const GRACE_MS = 15_000;

if (isMainThread && process.channel !== undefined) {
  process.once('disconnect', () => {
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE_MS).unref();
    // The process's own handlers, as a signal would run them (and as Windows cannot send one).
    if (!process.emit('SIGTERM')) process.exit(143);
  });
  // A listener holds the channel open, and the channel the process: it must be able to end by itself.
  process.channel?.unref();
}
