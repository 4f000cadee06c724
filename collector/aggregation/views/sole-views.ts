/**
 * The views of an hour that one terminal alone sold in: they say what its partial aggregate says,
 * so they are made of it when they are read. They hold what `Views` would, byte by byte.
 */
import { Buffer } from 'node:buffer';
import { runToEnd } from '../../../shared/cooperative.ts';
import { packedArticles, readFigures } from '../cell-entries.ts';
import { FORMAT, packView } from '../codec.ts';
import { type Cube, mergeCube } from '../cube.ts';
import type { Measures } from '../measures.ts';
import { figuresCube, type PartialAggregate } from '../partial.ts';
import { ARTICLES_VIEW, viewKeys } from './views.ts';

/** Some hundred sales of one article. Views of more take longer to make than to read. */
const MAX_BYTES = 8 * 1024;
/** All partial aggregates have these keys first; the others are dimensions. */
const TYPE_AND_CURRENCY = 2;
/** Head of an array of two. */
const PAIR = 0x92;

/** @param content of the partial aggregate */
export const areFewSales = (content: Uint8Array): boolean => content.length <= MAX_BYTES;

/** Whether bounds folded none of its values. */
export const keepsAllValues = ({ figures, articles }: PartialAggregate): boolean =>
  figures.folded.size === 0 && articles.folded.size === 0;

/**
 * The contents of views.
 *
 * @param content of the partial aggregate
 * @param only that view; null: all
 */
export function soleViews(content: Uint8Array, only: string | null): Map<string, Uint8Array> {
  const views = new Map<string, Uint8Array>();
  if (only !== ARTICLES_VIEW) {
    const figures = runToEnd(readFigures(content, 'part', 0));
    for (const name of ['total', ...figures.keys.slice(TYPE_AND_CURRENCY)])
      if (only === null || name === only) views.set(name, viewContent(figures, name));
  }
  if (only === null || only === ARTICLES_VIEW)
    views.set(ARTICLES_VIEW, Buffer.concat([Buffer.of(PAIR, FORMAT), packedArticles(content)]));
  return views;
}

/** Slots stay relative to the hour. */
function viewContent(figures: Cube<Measures>, name: string): Uint8Array {
  const view = figuresCube(viewKeys(name));
  runToEnd(mergeCube(view, figures));
  return runToEnd(packView(view, 0));
}
