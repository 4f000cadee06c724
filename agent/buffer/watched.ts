const isGenerator = (value: unknown): value is Generator =>
  Object.prototype.toString.call(value) === '[object Generator]';

/** The same object, with somebody told of what its methods throw or reject with, generators on their way too. */
export function watched<T extends object>(target: T, failed: (error: unknown) => void): T {
  function* tellingSteps(steps: Generator): Generator {
    try {
      return yield* steps;
    } catch (error) {
      failed(error);
      throw error;
    }
  }
  const telling = (call: () => unknown): unknown => {
    let result: unknown;
    try {
      result = call();
    } catch (error) {
      failed(error);
      throw error;
    }
    if (result instanceof Promise) result.catch(failed);
    return isGenerator(result) ? tellingSteps(result) : result;
  };
  return new Proxy(target, {
    get(_, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== 'function') return member;
      return (...words: unknown[]) => telling(() => Reflect.apply(member, target, words));
    },
  });
}
