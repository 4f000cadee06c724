/** What a schema's checker has against an input, beyond the few errors that it gives by itself. */
import type { Validator } from 'typebox/compile';
import { Settings } from 'typebox/system';

export type SchemaError = ReturnType<Validator['Errors']>[number];

/**
 * Each fault once: the checker reports an unknown key also at the object that holds it, and each branch of a union besides the union itself.
 *
 * @param max how many errors the checker looks for, such doubles and all; it stops at 8 by itself
 */
export function schemaErrors(checker: Validator, input: unknown, max: number): SchemaError[] {
  const { maxErrors } = Settings.Get();
  Settings.Set({ maxErrors: max });
  try {
    return checker
      .Errors(input)
      .filter(({ keyword, schemaPath }) => keyword !== 'additionalProperties' && !schemaPath.includes('/anyOf/'));
  } finally {
    Settings.Set({ maxErrors });
  }
}
