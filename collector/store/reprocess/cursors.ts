/** How far builds of logic versions are: one record a build and shard, in `control`. */
import type { MerchantId } from '../../../shared/ids.ts';
import { controlKey } from '../../../shared/keys.ts';
import { pack, unpack } from '../../../shared/wire/message-pack.ts';
import type { Column, Tables } from '../tables.ts';

const VALUE: Column = 'm:value';

export interface ReprocessPlace {
  readonly version: number;
  /** Of the hours, as they were asked for: `from..to`. */
  readonly range: string;
  /** From 1 to `of`. */
  readonly shard: number;
  readonly of: number;
}

export interface ReprocessCursor {
  /** All merchants up to this one, in order of their keys, are built. Null: none yet. */
  readonly through: MerchantId | null;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Null: it has not reached the end yet. */
  readonly finishedAt: number | null;
}

export class ReprocessCursors {
  readonly #tables: Tables;
  constructor(tables: Tables) {
    this.#tables = tables;
  }

  async read(place: ReprocessPlace): Promise<ReprocessCursor | null> {
    const [row] = await this.#tables.get('control', [keyOf(place)], [VALUE]);
    return row ? (unpack(row.cells.get(VALUE)!) as ReprocessCursor) : null;
  }

  /** Two processes on one shard repeat work, and do no harm: the later cursor wins. */
  write(place: ReprocessPlace, { through, startedAt, finishedAt }: ReprocessCursor): Promise<void> {
    const cells = new Map([[VALUE, pack({ through, startedAt, finishedAt })]]);
    return this.#tables.put('control', [{ row: keyOf(place), cells }]);
  }
}

const keyOf = ({ version, range, shard, of }: ReprocessPlace): Uint8Array =>
  controlKey('reprocess', `${version}/${range}/${shard}-${of}`);
