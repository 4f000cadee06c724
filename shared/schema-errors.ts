/** Collects the errors of a schema validator, beyond its default limit and without duplicates. */
import type { Validator } from 'typebox/compile';
import { Settings } from 'typebox/system';

export type SchemaError = ReturnType<Validator['Errors']>[number];

/**
 * Returns each fault once: the validator reports an unknown key also at the containing object, and
 * each branch of a union in addition to the union itself.
 *
 * @param max how many errors the validator collects, duplicates included; its default is 8
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
