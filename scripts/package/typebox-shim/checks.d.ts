declare module 'tillstream:checks' {
  /** By the JSON text of their schemas. */
  export const checks: ReadonlyMap<string, (value: unknown) => boolean>;
}
