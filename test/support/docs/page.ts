/**
 * The examples of a page of the documentation.
 *
 *     ```sh run               the test runs it, in the page's one shell
 *     ```sh run until shown   the test repeats it until it prints what the page shows
 *     ```sh start             the test starts it and leaves it running until the page ends
 *     ```sh not run: WHY      the test names it, with the reason
 *
 * The block behind it shows what it prints: `output` has the page's values, `shape` only their kinds (see `differences`). An answer that
 * no command before it printed says why: `json not run: WHY`.
 */
import { readFileSync } from 'node:fs';

export type Mode = 'output' | 'shape';

export interface Shown {
  readonly mode: Mode;
  readonly isJson: boolean;
  readonly text: string;
}

export interface Example {
  /** As `docs/till-api.md:12`. */
  readonly place: string;
  readonly kind: 'run' | 'until shown' | 'start';
  readonly command: string;
  /** Null: the page does not say what it prints. */
  readonly shown: Shown | null;
}

export interface Page {
  readonly path: string;
  readonly lines: readonly string[];
  readonly examples: readonly Example[];
  /** Blocks that are not run, each with its reason. */
  readonly notRun: readonly { readonly place: string; readonly reason: string }[];
  /** Blocks that keep none of the rules. */
  readonly faults: readonly string[];
}

interface Block {
  readonly line: number;
  readonly language: string;
  /** What follows the language. */
  readonly words: string;
  readonly text: string;
}

const FENCE = /^```(\w*) ?(.*)$/;
const KINDS: Readonly<Record<string, Example['kind']>> = {
  run: 'run',
  'run until shown': 'until shown',
  start: 'start',
};
const NOT_RUN = /^not run: (.+)$/;
/** Of blocks that show what something printed. */
const PRINTED = ['json', 'text', 'csv'];

/** @returns fenced blocks, and the lines outside of them */
export function split(lines: readonly string[]): { blocks: Block[]; prose: string[] } {
  const blocks: Block[] = [];
  const prose: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const fence = FENCE.exec(lines[at]!);
    if (fence === null) {
      prose.push(lines[at]!);
      continue;
    }
    const end = lines.indexOf('```', at + 1);
    if (end < 0) throw new Error(`line ${at + 1}: a fenced block has no end`);
    blocks.push({ line: at + 1, language: fence[1]!, words: fence[2]!, text: lines.slice(at + 1, end).join('\n') });
    at = end;
  }
  return { blocks, prose };
}

function shownIn(block: Block | undefined): Shown | null {
  const mode = block?.words;
  if (block === undefined || (mode !== 'output' && mode !== 'shape')) return null;
  return { mode, isJson: block.language === 'json', text: block.text };
}

export function parsePage(path: string, text: string): Page {
  const lines = text.trimEnd().split('\n');
  const { blocks } = split(lines);
  const examples: Example[] = [];
  const notRun: { place: string; reason: string }[] = [];
  const faults: string[] = [];
  const used = new Set<Block>();
  for (const [index, block] of blocks.entries()) {
    const place = `${path}:${block.line}`;
    const reason = NOT_RUN.exec(block.words)?.[1];
    if (reason !== undefined) notRun.push({ place, reason });
    else if (PRINTED.includes(block.language)) {
      if (!used.has(block)) faults.push(`${place} shows what no command before it printed`);
    } else if (block.language === 'sh') {
      const kind = KINDS[block.words];
      const next = blocks[index + 1];
      const shown = shownIn(next);
      if (shown !== null) used.add(next!);
      if (kind === undefined) faults.push(`${place} does not say whether it is run`);
      else if (kind === 'until shown' && shown === null) faults.push(`${place} shows nothing to wait for`);
      else examples.push({ place, kind, command: block.text, shown });
    }
  }
  return { path, lines, examples, notRun, faults };
}

export const readPage = (root: string, path: string): Page => parsePage(path, readFileSync(`${root}/${path}`, 'utf8'));
