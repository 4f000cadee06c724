/**
 * TypeBox's compiler in the bundle: the checks are precompiled, and TypeBox is loaded only to
 * explain an error.
 */

import { checks } from 'tillstream:checks';
import type { TSchema } from 'typebox';
import type { Validator } from 'typebox/compile';

declare const require: (name: 'typebox/schema') => typeof import('typebox/schema');

export function Compile(schema: TSchema): Pick<Validator, 'Check' | 'Errors'> {
  const check = checks.get(JSON.stringify(schema));
  if (check === undefined) throw new Error('a schema that was not there when the agent was bundled');
  return {
    Check: check as Validator['Check'],
    Errors: (value) => require('typebox/schema').Errors(schema, value)[1],
  };
}
