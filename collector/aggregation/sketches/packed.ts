/**
 * A sketch as it stands in a cell: most are written on as they were read, so that their numbers are
 * not looked at.
 */
export interface Packed<Wire> {
  readonly bytes: Uint8Array;
  /** How many different numbers or registers it holds. */
  readonly size: number;
  readonly read: () => Wire;
}
