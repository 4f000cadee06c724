// Runs a child process in this one's place. Plain JavaScript that Node 20 parses: it runs before
// Node 26 is installed.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** How long a signal waits for evidence that the child received it too, milliseconds. */
const SIGN_MS = 100;
/** npm forwards its own copy of a signal to the whole group within this time, milliseconds. */
const ECHO_MS = 300;
/** Interval for checking that npm's shell is still alive, milliseconds. */
const PARENT_MS = 500;

/**
 * Runs a program in place of this one: same terminal, signals and exit code.
 *
 * @param {string} command @param {readonly string[]} args
 */
export function runChild(command, args) {
  const child = spawn(command, args, { stdio: 'inherit' });
  child.on('error', (error) => {
    console.error(`${command} cannot be started: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
  if (process.platform === 'win32') {
    // A console's Ctrl-C reaches every process in it, and there is nothing else to forward.
    process.on('SIGINT', () => undefined);
  } else {
    passSignalsOn(child);
  }
}

/**
 * Forwards signals, each once. Ctrl-C reaches the whole process group, so the child has it already,
 * and npm sends one more to this process; `kill` reaches this process only. A waiting canary
 * process in the same group tells them apart: a signal to the group ends it.
 */
function passSignalsOn(child) {
  let waiting = [];
  let timer;
  let echoUntil = 0;
  let told = false;

  const receive = (signal) => {
    if (performance.now() < echoUntil) return;
    waiting.push(signal);
    timer ??= setTimeout(() => {
      told = true;
      for (const each of waiting) child.kill(each);
      waiting = [];
      timer = undefined;
    }, SIGN_MS);
  };
  const groupHadIt = () => {
    told = true;
    clearTimeout(timer);
    timer = undefined;
    waiting = [];
    echoUntil = performance.now() + ECHO_MS;
    watchGroup();
  };
  const watchGroup = () => {
    // It ends with this process, which closes its standard input.
    const canary = spawn('sh', ['-c', 'read _'], { stdio: ['pipe', 'ignore', 'ignore'] });
    canary.on('error', () => undefined);
    canary.on('exit', (_, signal) => signal && groupHadIt());
  };

  process.on('SIGINT', receive);
  process.on('SIGTERM', receive);
  // It asks to read files again, which may be asked twice.
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  watchGroup();

  // `kill` of npm ends the shell between npm and this process, which does not forward the signal.
  const parent = process.ppid;
  const look = () => {
    if (process.ppid === parent || told) return;
    told = true;
    child.kill('SIGTERM');
  };
  if (process.env.npm_lifecycle_event !== undefined) setInterval(look, PARENT_MS);
}
