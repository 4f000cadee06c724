/** Selects the rows of a buffer that support has asked for. */
import type { TillEvent } from '../../../shared/event/event.ts';
import { parseStreamId } from '../../../shared/ids.ts';
import { hourOf } from '../../../shared/time.ts';
import type { EventFilter } from '../../port/buffer-reader.ts';
import { STATE } from '../tables/event-row.ts';

/** The columns of a row that are filtered without its body. */
export interface RowHead {
  readonly epoch: string;
  readonly seq: number;
  /** Hours since 1970. */
  readonly hour: number;
  /** See `STATE`. */
  readonly state: number;
}

export const rowMatches = ({ epoch, seq, hour, state }: RowHead, filter: EventFilter): boolean =>
  (filter.states === null || filter.states.some((name) => STATE[name] === state)) &&
  (filter.stream === null || parseStreamId(filter.stream).epoch === epoch) &&
  (filter.seqs === null || (seq >= filter.seqs.first && seq <= filter.seqs.last)) &&
  (filter.from === null || hour >= hourOf(filter.from)) &&
  (filter.to === null || hour <= hourOf(filter.to));

export const eventMatches = ({ type, ref, ts }: TillEvent, filter: EventFilter): boolean =>
  (filter.type === null || filter.type === type) &&
  (filter.ref === null || filter.ref === ref) &&
  (filter.from === null || ts >= filter.from) &&
  (filter.to === null || ts < filter.to);
