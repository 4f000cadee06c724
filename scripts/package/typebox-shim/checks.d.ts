/** Type of the module with the precompiled checks, which exists only in the bundle. */
declare module 'tillstream:checks' {
  /** By the JSON text of their schemas. */
  export const checks: ReadonlyMap<string, (value: unknown) => boolean>;
}
