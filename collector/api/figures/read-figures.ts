/**
 * A merchant's figures of a time range, entry by entry: what lies in the sections of the range
 * (`sections.ts`), as cells or cubes have it.
 */
import type { Cooperative } from '../../../shared/cooperative.ts';
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import { type Range, SLOTS_PER_DAY, SLOTS_PER_HOUR } from '../../../shared/time.ts';
import { type Visitor, visitArticles, visitFigures } from '../../aggregation/cell-entries.ts';
import type { SketchSelection } from '../../aggregation/codec.ts';
import type { Cube } from '../../aggregation/cube.ts';
import type { Logic } from '../../aggregation/logic/logic-version.ts';
import type { ItemMeasures, Measures } from '../../aggregation/measures.ts';
import type { Cells, Rollup } from '../../store/rollups/rollup.ts';
import type { Question } from '../admission/question.ts';
import {
  type FiguresContext,
  type FiguresSource,
  type FiguresStores,
  type ParkedHour,
  readableCell,
  Sections,
} from './sections.ts';

/** Measures by group and slot, to be visited in slices. */
export interface Entries<M> {
  readonly each: (visitor: Visitor<M>) => Cooperative<void>;
}

/** The figures of a terminal in an hour or day; null: of all terminals. */
export interface TerminalFigures extends Entries<Measures> {
  readonly terminal: string | null;
  /** None of its slots is earlier, nor is one of what comes later. */
  readonly firstSlot: number;
}

const SLOTS = { hour: SLOTS_PER_HOUR, day: SLOTS_PER_DAY } as const;

/**
 * Reads one merchant's figures as of one moment, in order of time. Visit each before the next one
 * is requested.
 */
export class FiguresReader {
  readonly #stores: FiguresStores;
  readonly #logic: Logic;
  readonly #merchant: MerchantId;
  readonly #question: Question;
  readonly #sections: Sections;

  constructor(stores: FiguresStores, context: FiguresContext) {
    this.#stores = stores;
    this.#logic = context.logic;
    this.#merchant = context.merchant;
    this.#question = context.question;
    this.#sections = new Sections(stores, context);
  }

  /** What is parked of what was read: at most a hundred, oldest first. */
  parked(): ParkedHour[] {
    return this.#sections.parked();
  }

  async *figures(range: Range, source: FiguresSource, wanted: SketchSelection): AsyncIterable<TerminalFigures> {
    for await (const section of this.#sections.of(range, source)) {
      await this.#question.turn();
      if (section.kind === 'live') {
        const firstSlot = section.hour * SLOTS_PER_HOUR;
        for (const { terminal, cube } of section.figures)
          yield { terminal, firstSlot, each: (visitor) => visitCube(cube, visitor) };
        continue;
      }
      const { view, row } = section;
      const firstSlot = row.time * SLOTS[row.level];
      if (view !== null)
        yield { terminal: null, firstSlot, each: (visitor) => visitFigures(view, 'view', firstSlot, wanted, visitor) };
      for (const [terminal, bytes] of row.parts) {
        const content = await readableCell(this.#question, bytes);
        if (content === null) yield* this.#below(row, terminal, firstSlot, wanted);
        else
          yield { terminal, firstSlot, each: (visitor) => visitFigures(content, 'part', firstSlot, wanted, visitor) };
      }
    }
  }

  /** The figures of a terminal whose part cannot be read: of the day's hours, or the raw log. */
  async *#below(
    { level, time }: Rollup,
    terminal: TerminalId,
    firstSlot: number,
    wanted: SketchSelection,
  ): AsyncIterable<TerminalFigures> {
    const { live, rollups } = this.#stores;
    const logic = this.#logic;
    if (level === 'hour') {
      const { partials } = await live.read(this.#merchant, time, logic);
      const found = partials.find((partial) => partial.terminal === terminal);
      if (found !== undefined)
        yield { terminal, firstSlot, each: (visitor) => visitCube(found.partial.figures, visitor) };
      return;
    }
    const cells: Cells = { kind: 'parts', terminals: [terminal] };
    for await (const row of rollups.scan(this.#merchant, 'hour', logic.version, time * 24, (time + 1) * 24, cells)) {
      const [bytes] = row.parts.values();
      if (bytes === undefined) continue;
      const content = await readableCell(this.#question, bytes);
      const base = row.time * SLOTS_PER_HOUR;
      if (content === null) yield* this.#below(row, terminal, firstSlot, wanted);
      else yield { terminal, firstSlot, each: (visitor) => visitFigures(content, 'part', base, wanted, visitor) };
    }
  }

  async *articles(range: Range): AsyncIterable<Entries<ItemMeasures>> {
    for await (const section of this.#sections.of(range, { kind: 'articles' })) {
      await this.#question.turn();
      if (section.kind === 'live') {
        for (const cube of section.articles) yield { each: (visitor) => visitCube(cube, visitor) };
        continue;
      }
      const { view, row } = section;
      if (view !== null) yield { each: (visitor) => visitArticles(view, row.time * SLOTS[row.level], visitor) };
    }
  }
}

function* visitCube<M>(cube: Cube<M>, visitor: Visitor<M>): Cooperative<void> {
  const visit = visitor(cube.keys, cube.folded);
  for (const { key, slots } of cube.groups()) {
    for (const [slot, measures] of slots) visit(key, slot, measures);
    yield;
  }
}
