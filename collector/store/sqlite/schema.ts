/**
 * SQLite schema of a store table: `<name>_cells` is the sorted index, `<name>_values` holds the
 * values in order of arrival.
 *
 * Keys arrive scattered over the merchants while values are large, so one clustered table rewrites
 * a page full of values for every key. Measured on two cores with 60,000 rows of 100-byte keys and
 * 0.2..100 KiB values, in transactions of 100:
 *
 *     layout                                rows/s   bytes written   keys scanned   values scanned
 *     one table WITHOUT ROWID                9,300   10.1 x raw      3.3 us a row   5.7 us a row
 *     rowid table, index (row, col)         29,500    5.6            3.3            7.5
 *     cells and values (this one)           27,300    5.6            1.3            5.6
 *     … with a checkpoint at 8,000 pages    39,800    4.6            1.3            5.1
 *
 * A scan of keys alone never touches a value.
 *
 * The events' cells have an index by time too, for scans of what arrived lately: rows come in its
 * order, so it costs 80 bytes a row and no time that could be measured.
 */
import type { Database } from 'better-sqlite3';
import { TABLES } from '../tables.ts';

export const SCHEMA_VERSION = 1;

export const EVENTS_BY_TIME = 'events_cells_by_time';

/**
 * Creates missing tables, in one immediate transaction, so that several processes can do it at
 * once.
 */
export function createTables(database: Database): void {
  database
    .transaction(() => {
      for (const table of TABLES) {
        database.exec(`
          CREATE TABLE IF NOT EXISTS ${table}_cells (
            row BLOB NOT NULL, col TEXT NOT NULL, time INTEGER NOT NULL, value_id INTEGER NOT NULL,
            PRIMARY KEY (row, col)
          ) STRICT, WITHOUT ROWID;
          CREATE TABLE IF NOT EXISTS ${table}_values (id INTEGER PRIMARY KEY, value BLOB NOT NULL) STRICT;`);
      }
      database.exec(`CREATE INDEX IF NOT EXISTS ${EVENTS_BY_TIME} ON events_cells (time)`);
      database.pragma(`user_version = ${SCHEMA_VERSION}`);
    })
    .immediate();
}
