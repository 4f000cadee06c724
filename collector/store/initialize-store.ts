/**
 * Initializes a store on first use: its tables, its generation, and the dimensions of its logic
 * version.
 */
import { ConfigError } from '../../shared/config/parse-config.ts';
import { LOGIC_VERSION, type Logic } from '../aggregation/logic-version.ts';
import { Control } from './control.ts';
import type { Tables } from './tables.ts';

export interface StoreIdentity {
  readonly storeGen: string;
  readonly logic: Logic;
}

/**
 * Safe to repeat, and to run concurrently.
 *
 * @param newGeneration becomes the store's generation if it has none
 * @throws ConfigError when the store was initialized with other dimensions; StoreUnavailable
 */
export async function initializeStore(
  tables: Tables,
  dimensions: readonly string[],
  newGeneration: string,
): Promise<StoreIdentity> {
  await tables.init();
  const control = new Control(tables);
  const logic = await control.logic({ version: LOGIC_VERSION, dimensions });
  const [recorded, configured] = [logic.dimensions.join(', '), dimensions.join(', ')];
  if (recorded !== configured) {
    throw new ConfigError(
      `dimensions: configured are [${configured}], but this store's figures are kept by [${recorded}] (logic version ${logic.version}). ` +
        'Configure those: other dimensions make a new logic version, which comes with reprocessing and is not available yet.',
    );
  }
  return { storeGen: await control.storeGen(newGeneration), logic };
}
