/** Explains to the operator why an address cannot be listened on. */

type Listener = 'mqtt' | 'http';
interface Address {
  readonly host: string;
  readonly port: number;
}

export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/**
 * Runs `listen`.
 *
 * @throws ListenError for errors of the operating system; other errors pass
 */
export async function listening<T>(listener: Listener, { host, port }: Address, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen();
  } catch (error) {
    const { syscall, code, message } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    const where = `${listener}.host ${host}, ${listener}.port ${port}`;
    throw new ListenError(`${explain(code, port, message)} (${where})`, { cause: error });
  }
}

function explain(code: string | undefined, port: number, message: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} is in use: end the process that has it, or configure another port`;
    case 'EACCES':
      return `port ${port} may not be opened by this user: configure one above 1023`;
    default:
      return `cannot listen: ${message}: configure an address of this machine`;
  }
}
