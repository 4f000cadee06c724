/** Why a command's result can't be written where it was asked for, in words. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
}
