/** Long commands on backups: their line of progress, and the faults of a folder's files. */
import { BackupFailed } from '../backup/files.ts';
import type { Progress, Watch } from '../backup/progress.ts';
import { type CommandContext, CommandFailed } from './command.ts';
import { barOf, longCommand } from './long-command.ts';

export async function watched<T>(
  context: CommandContext,
  name: string,
  work: (watch: Watch, seconds: () => number) => Promise<T>,
): Promise<T> {
  try {
    return await longCommand(context, name, lineOf, ({ seconds, ...watch }) => work(watch, seconds));
  } catch (error) {
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    const isForeseen = error instanceof BackupFailed || (code !== undefined && syscall !== undefined);
    throw isForeseen ? new CommandFailed(message, { cause: error }) : error;
  }
}

const lineOf = ({ table, rows, bytes, share }: Progress, seconds: number): string =>
  barOf(share, `${table}, ${rows} rows, ${sizeOf(bytes)}, ${sizeOf(bytes / seconds)}/s`, seconds);

export const sizeOf = (bytes: number): string =>
  bytes < 2 ** 20 ? `${Math.ceil(bytes / 2 ** 10)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
