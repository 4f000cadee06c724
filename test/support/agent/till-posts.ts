/** Posts to a real agent as a till's HTTP client writes them, and reads back what it keeps. */
import type { AgentProcess } from './agent-process.ts';
import { runAgent } from './agent-process.ts';

export interface Posted {
  readonly status: number;
  readonly body: {
    readonly detail?: string;
    readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
    readonly accepted?: number;
    readonly firstSeq?: number | null;
    readonly duplicates?: readonly { readonly index: number; readonly seq: number }[];
    readonly conflicts?: readonly { readonly index: number; readonly seq: number }[];
  };
}

/** @param text the body as it is sent */
export async function postText(
  { url }: AgentProcess,
  text: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' },
): Promise<Posted> {
  const answer = await fetch(`${url}/v1/events`, { method: 'POST', headers, body: text });
  return { status: answer.status, body: (await answer.json()) as Posted['body'] };
}

/** The exported line of each event by its ref, as text: numbers stand as they are kept. */
export async function exportedLines(config: string): Promise<Map<string, string>> {
  const { stdout } = await runAgent('export', '--config', config);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => [(JSON.parse(line) as { event: { ref: string } }).event.ref, line]));
}
