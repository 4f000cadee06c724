/** What a pass did, of all merchants. */
export interface PassReport {
  hours: number;
  days: number;
  /** Hours that became final. */
  finalHours: number;
  marks: number;
  /** Compare-and-sets lost to another runner and repeated. */
  racesLost: number;
  failures: number;
  /** Batches for sealed hours: kept, and in no figure. */
  tooLate: number;
  /** Terminals, hours and days that runs left out. */
  parked: number;
}

export const nothingDone = (): PassReport => ({
  ...{ hours: 0, days: 0, finalHours: 0, marks: 0, racesLost: 0, failures: 0, parked: 0, tooLate: 0 },
});
