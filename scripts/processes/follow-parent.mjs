/**
 * Preloaded (`--import`) into child processes: when the parent script ends, even by kill -9, so do
 * they.
 *
 * The channel that `stdio: 'ipc'` opens closes with its other end, on every platform. This is a
 * preload, so the agent and the collector themselves know nothing of it: under systemd or
 * Kubernetes there is no channel.
 *
 * Plain JavaScript: stripping types takes Node 10 MiB, which a benchmark would attribute to the
 * bundled agent.
 */
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';

/** Time for a clean stop before the process is ended. */
const GRACE_MS = 15_000;

if (isMainThread && process.channel !== undefined) {
  process.once('disconnect', () => {
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE_MS).unref();
    // Runs the process's own signal handlers (Windows cannot send a signal).
    if (!process.emit('SIGTERM')) process.exit(143);
  });
  // A listener keeps the channel open, and the channel the process: unref lets the process end.
  process.channel?.unref();
}
