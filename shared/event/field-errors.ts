/**
 * Field errors of an event, one per field, from the schema validator and from the readers in
 * `parse.ts`.
 */
import type { Validator } from 'typebox/compile';
import { schemaErrors } from '../schema-errors.ts';

export interface FieldError {
  /** JSON pointer (RFC 6901) into the event. */
  readonly pointer: string;
  readonly detail: string;
}

export const MAX_ERRORS = 20;
/**
 * The validator reports a fault up to three times: an unknown field twice, a union once per branch.
 */
const MAX_RAW_ERRORS = 3 * MAX_ERRORS;

/** A key as a segment of a JSON pointer. */
export const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

/** Adds an error unless its field already has one, or the maximum is reached. */
export function report(errors: FieldError[], pointer: string, detail: string): void {
  if (errors.length < MAX_ERRORS && !errors.some((known) => known.pointer === pointer))
    errors.push({ pointer, detail });
}

/** Reports why an input fails its schema, for the developer of the till's software. */
export function reportSchemaErrors(checker: Validator, input: unknown, errors: FieldError[]): void {
  for (const error of schemaErrors(checker, input, MAX_RAW_ERRORS)) {
    const { keyword, instancePath } = error;
    if (keyword === 'required') {
      const { requiredProperties } = error.params as { requiredProperties: string[] };
      for (const key of requiredProperties) report(errors, `${instancePath}/${escaped(key)}`, 'is required');
    } else if (keyword === 'boolean') {
      report(errors, instancePath, 'is not a known field');
    } else if (keyword === 'anyOf') {
      report(errors, instancePath, 'must be a text (ISO 8601) or a whole number (milliseconds since 1970)');
    } else {
      report(errors, instancePath, error.message);
    }
  }
}
