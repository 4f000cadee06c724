/** Default folders of `npm run hbase`. */
import { join } from 'node:path';

/** Default folder of `npm run hbase` for data, configuration and logs. */
export const HBASE_HOME = join(import.meta.dirname, '..', '..', '.tillstream', 'hbase');

/** The downloaded jars, shared by all HBase instances of this checkout. */
export const HBASE_JARS = join(HBASE_HOME, 'lib');
