/** The rollups that a build of a logic version gets: it can publish no other version's rows. */
import type { RollupKey, RollupMeta } from '../../store/rollups/rollup.ts';
import type { RollupStore } from '../run.ts';

/** A build tried to publish a row of another logic version than its own. */
export class WrongVersion extends Error {
  override readonly name = 'WrongVersion';
}

/** @param onPublished called after each row that was published */
export const boundTo = (
  version: number,
  rollups: RollupStore,
  onPublished: (key: RollupKey, meta: RollupMeta) => void = () => undefined,
): RollupStore => ({
  read: (...args) => rollups.read(...args),
  scan: (...args) => rollups.scan(...args),
  terminals: (...args) => rollups.terminals(...args),
  async publish(key, expected, next) {
    if (key.logic !== version)
      throw new WrongVersion(`a build of logic version ${version} tried to publish a row of version ${key.logic}`);
    const isPublished = await rollups.publish(key, expected, next);
    if (isPublished) onPublished(key, next.meta);
    return isPublished;
  },
});
