/** Extracts of the Online Retail data set in the repository; the README beside them has more. */
import path from 'node:path';

const FOLDER = path.resolve(import.meta.dirname, '../../../test/data');

/** 2011-03-20 to 2011-04-03, both inclusive. Summer time began in London on 27 March. */
export const TWO_WEEKS = path.join(FOLDER, 'online-retail-2011-03-20_to_2011-04-03.csv.gz');

/** 2011-08-12, with three bad-debt adjustments. */
export const ADJUSTMENTS = path.join(FOLDER, 'online-retail-2011-08-12.csv.gz');
