/**
 * TypeBox's builders as far as the agent's schemas use them, without its engine: plain JSON Schema.
 * When the agent is bundled, every schema is built with both, and the bundle fails unless they are
 * equal.
 */
type Schema = Readonly<Record<string, unknown>>;

const optional = Symbol('optional');
const make =
  (made: Schema) =>
  (options: Schema = {}): Schema => ({ ...made, ...options });

const Type = {
  String: make({ type: 'string' }),
  Number: make({ type: 'number' }),
  Integer: make({ type: 'integer' }),
  Boolean: make({ type: 'boolean' }),
  Null: make({ type: 'null' }),
  Unknown: make({}),
  Literal: (value: unknown, options?: Schema) => make({ type: typeof value, const: value })(options),
  Enum: (values: readonly unknown[], options?: Schema) => make({ enum: values })(options),
  Union: (parts: readonly Schema[], options?: Schema) => make({ anyOf: parts })(options),
  Intersect: (parts: readonly Schema[], options?: Schema) => make({ allOf: parts })(options),
  Array: (items: Schema, options?: Schema) => make({ type: 'array', items })(options),
  Tuple: (items: readonly Schema[], options?: Schema) =>
    make({ type: 'array', additionalItems: false, items, minItems: items.length })(options),
  Record: (key: Schema, value: Schema, options?: Schema) =>
    make({ type: 'object', patternProperties: { [String(key.pattern)]: value } })(options),
  Object: (properties: Readonly<Record<string, Schema>>, options?: Schema) => {
    const required = Object.keys(properties).filter((key) => !(optional in properties[key]!));
    return make({ type: 'object', ...(required.length > 0 ? { required } : {}), properties })(options);
  },
  /** Marked with a non-enumerable property, which JSON omits. */
  Optional: (schema: Schema) => Object.defineProperty({ ...schema }, optional, { value: true }),
};

export default Type;
