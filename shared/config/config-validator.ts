/** Validates a configuration document against its schema, and explains each fault. */
import type { Static, TObject, TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { type SchemaError, schemaErrors } from '../schema-errors.ts';
import { hintOf } from './schema-builders.ts';

export interface ConfigFault {
  /** JSON pointer (RFC 6901) into the document. */
  readonly pointer: string;
  /** What is wrong, and what to do. */
  readonly detail: string;
}

const MAX_ERRORS = 100;

export class ConfigValidator<S extends TSchema> {
  readonly #schema: S;
  readonly #checker: Validator;

  constructor(schema: S) {
    this.#schema = schema;
    this.#checker = Compile(schema) as unknown as Validator;
  }

  fits(input: unknown): input is Static<S> {
    return this.#checker.Check(input);
  }

  /** The faults for which `fits` returns false. */
  faults(input: unknown): ConfigFault[] {
    return schemaErrors(this.#checker, input, MAX_ERRORS).flatMap((error) => this.#faultsOf(error));
  }

  #faultsOf({ instancePath: pointer, keyword, params, message }: SchemaError): ConfigFault[] {
    const fault = (at: string, wrong: string): ConfigFault => {
      const hint = hintOf(this.#at(at));
      return { pointer: at, detail: hint === undefined ? wrong : `${wrong}: ${hint}` };
    };
    switch (keyword) {
      case 'required': {
        const { requiredProperties } = params as { requiredProperties: string[] };
        return requiredProperties.map((key) => fault(`${pointer}/${key}`, 'is missing'));
      }
      case 'boolean': {
        const { properties } = this.#at(pointer.slice(0, pointer.lastIndexOf('/'))) as TObject;
        return [{ pointer, detail: `is not a known key; known here are ${Object.keys(properties).join(', ')}` }];
      }
      case 'anyOf':
      case 'enum':
      case 'pattern':
        return [fault(pointer, 'is not a valid value')];
      default:
        return [fault(pointer, message)];
    }
  }

  /** The part of the schema that a pointer refers to; for an element of an array, the array. */
  #at(pointer: string): TSchema | undefined {
    let at: TSchema | undefined = this.#schema;
    for (const key of pointer.split('/').slice(1)) {
      const { properties } = at as Partial<TObject>;
      if (properties === undefined) break;
      at = properties[key];
      if (at === undefined) return undefined;
    }
    return at;
  }
}
