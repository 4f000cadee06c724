import { join } from 'node:path';

/** Where `npm run hbase` keeps data, configuration and logs unless told otherwise. */
export const HBASE_HOME = join(import.meta.dirname, '..', '..', '.tillstream', 'hbase');

/** The downloaded jars, shared by every HBase of this checkout. */
export const HBASE_JARS = join(HBASE_HOME, 'lib');
