/**
 * Figures of all terminals of an hour, merged as far as somebody asks: an answer about all of them
 * visits some cubes, not one of each terminal.
 *
 * Terminals belong to blocks. A block merges its terminals' partial aggregates for a view when it
 * is asked for first, and from then on adds what new rows bring. Sketches cannot be subtracted, so
 * when a terminal is folded again its block begins anew. A block holds all that its terminals
 * publish: what a view of the hour keeps of it depends on all blocks together.
 */
import type { Cooperative } from '../../../shared/cooperative.ts';
import type { TerminalId } from '../../../shared/ids.ts';
import type { Cube } from '../../aggregation/cube.ts';
import type { ItemMeasures, Measures } from '../../aggregation/measures.ts';
import { articlesCube, figuresCube, type PartialAggregate } from '../../aggregation/partial.ts';
import { addTerminal, viewKeys } from '../../aggregation/views/views.ts';

/** Terminals of a block: to merge them takes some 40 ms, and 5,000 have ten blocks. */
const BLOCK_TERMINALS = 512;

interface Block {
  readonly terminals: TerminalId[];
  /** By view. */
  readonly figures: Map<string, Cube<Measures>>;
  articles: Cube<ItemMeasures> | null;
}

export class MergedTerminals {
  readonly #blocks: Block[] = [];
  readonly #blockOf = new Map<TerminalId, Block>();
  readonly #views = new Set<string>();
  #hasArticles = false;

  /** A terminal without rows yet. */
  join(terminal: TerminalId): void {
    if (this.#blockOf.has(terminal)) return;
    let block = this.#blocks.at(-1);
    if (block === undefined || block.terminals.length === BLOCK_TERMINALS) {
      block = { terminals: [], figures: new Map(), articles: null };
      this.#blocks.push(block);
    }
    block.terminals.push(terminal);
    this.#blockOf.set(terminal, block);
  }

  /** Whether there is anything to be added to. */
  holds(terminal: TerminalId): boolean {
    const block = this.#blockOf.get(terminal);
    return block !== undefined && (block.figures.size > 0 || block.articles !== null);
  }

  /** @param part of rows of the terminal that are new, and claim no seq of an earlier row */
  *add(terminal: TerminalId, part: PartialAggregate): Cooperative<void> {
    const { figures, articles } = this.#blockOf.get(terminal)!;
    for (const cube of figures.values()) yield* addTerminal(cube, part.figures);
    if (articles !== null) yield* addTerminal(articles, part.articles);
  }

  /** The terminal's figures are others now. */
  drop(terminal: TerminalId): void {
    const block = this.#blockOf.get(terminal);
    block?.figures.clear();
    if (block !== undefined) block.articles = null;
  }

  /** What is to be held from now on: the figures of a view, or the articles (null). */
  want(view: string | null): void {
    if (view === null) this.#hasArticles = true;
    else this.#views.add(view);
  }

  /**
   * @param partOf null for a terminal that is left out
   * @param onGrowth called whenever `bytes` has grown
   */
  *complete(partOf: (terminal: TerminalId) => PartialAggregate | null, onGrowth: () => void): Cooperative<void> {
    for (const block of this.#blocks) {
      const parts = (): PartialAggregate[] => block.terminals.flatMap((terminal) => partOf(terminal) ?? []);
      for (const view of this.#views) {
        if (block.figures.has(view)) continue;
        const cube = figuresCube(viewKeys(view));
        for (const { figures } of parts()) yield* addTerminal(cube, figures);
        block.figures.set(view, cube);
        onGrowth();
      }
      if (!this.#hasArticles || block.articles !== null) continue;
      const cube = articlesCube();
      for (const { articles } of parts()) yield* addTerminal(cube, articles);
      block.articles = cube;
      onGrowth();
    }
  }

  /** Null: not all of it is held. */
  figures(view: string): Cube<Measures>[] | null {
    if (!this.#views.has(view)) return null;
    const cubes = this.#blocks.flatMap(({ figures }) => figures.get(view) ?? []);
    return cubes.length === this.#blocks.length ? cubes : null;
  }

  articles(): Cube<ItemMeasures>[] | null {
    if (!this.#hasArticles) return null;
    const cubes = this.#blocks.flatMap(({ articles }) => articles ?? []);
    return cubes.length === this.#blocks.length ? cubes : null;
  }

  /** Bytes of memory, about. */
  get bytes(): number {
    let bytes = 0;
    for (const { figures, articles } of this.#blocks) {
      bytes += articles?.bytes ?? 0;
      for (const cube of figures.values()) bytes += cube.bytes;
    }
    return bytes;
  }

  clear(): void {
    this.#blocks.length = 0;
    this.#blockOf.clear();
  }
}
