/**
 * The agent's entry. SIGHUP, which ends a process by default, is handled before the program is
 * loaded: that takes seconds on a slow till. What it asks for, an agent that starts does anyway.
 */
if (import.meta.main) {
  const args = process.argv.slice(2);
  if (args.includes('run')) process.on('SIGHUP', () => undefined);
  // No top-level await: the packaged agent is CommonJS.
  void import('./program.ts')
    .then(({ main }) => main(args))
    .then((status) => {
      process.exitCode = status;
    });
}
