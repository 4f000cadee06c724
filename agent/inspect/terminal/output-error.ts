/** A command's output cannot be written. The message says why and what to do. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
}
