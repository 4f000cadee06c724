/** Whether a command printed what its page shows. */
import type { Shown } from './page.ts';

/** Stands for whatever else there is: a value, further keys, elements or lines. */
const ELLIPSIS = '…';

/** What differs from run to run; the page shows one of its kind. */
const VOLATILE: readonly (readonly [shown: RegExp, any: string])[] = [
  [/ts[kt]_[\w-]{43}/, 'ts[kt]_[\\w-]{43}'],
  [/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/, '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'],
  [/\b[0-9a-f]{16}\b/, '[0-9a-f]{16}'],
  // The id of an API key.
  [/\b(?=\d*[a-f])[0-9a-f]{12}\b/, '[0-9a-f]{12}'],
  // The clock's time. A time that the page itself sent has no milliseconds.
  [
    /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(?!000)\d{3}(?:Z|[+-]\d\d:\d\d)/,
    '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}(?:Z|[+-]\\d\\d:\\d\\d)',
  ],
  // The cursor of a page.
  [/\bWz[\w-]{12,}/, 'Wz[\\w-]{12,}'],
];
// Not the digits that a hexadecimal number begins with.
const NUMBER: readonly [RegExp, string] = [/\d+(?:[.,:/-]\d+)*(?![0-9a-f])/, '\\d+(?:[.,:/-]\\d+)*'];

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Matches what a page shows as `text`, with other values of the volatile kinds; under `shape` with other numbers too. */
function patternOf(text: string, mode: Shown['mode']): RegExp {
  const kinds = mode === 'shape' ? [...VOLATILE, NUMBER] : VOLATILE;
  const any = new RegExp(kinds.map(([shown]) => `(${shown.source})`).join('|'), 'g');
  let pattern = '';
  let at = 0;
  for (const match of text.matchAll(any)) {
    const kind = match.slice(1).findIndex((group) => group !== undefined);
    pattern += escaped(text.slice(at, match.index)) + kinds[kind]![1];
    at = match.index + match[0].length;
  }
  return new RegExp(`^${pattern}${escaped(text.slice(at))}$`);
}

type Fields = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const quoted = (value: unknown): string => JSON.stringify(value);

function* inArrays(shown: readonly unknown[], printed: readonly unknown[], mode: Shown['mode'], at: string) {
  const goesOn = shown.at(-1) === ELLIPSIS;
  const least = goesOn ? shown.length - 1 : shown.length;
  if (mode === 'output' && (printed.length < least || (!goesOn && printed.length > least)))
    yield `${at} has ${printed.length} elements, the page shows ${least}`;
  if (mode === 'shape' && least > 0 && printed.length === 0) yield `${at} is empty`;
  const elements =
    mode === 'shape'
      ? printed.map((value) => [shown[0], value])
      : printed.slice(0, least).map((value, index) => [shown[index], value]);
  for (const [index, [one, other]] of elements.entries()) yield* inValues(one, other, mode, `${at}/${index}`);
}

function* inObjects(shown: Fields, printed: Fields, mode: Shown['mode'], at: string): Generator<string, void, void> {
  const { [ELLIPSIS]: more, ...fields } = shown;
  for (const [name, value] of Object.entries(fields)) {
    if (Object.hasOwn(printed, name)) yield* inValues(value, printed[name], mode, `${at}/${name}`);
    else yield `${at}/${name} is missing`;
  }
  if (more !== undefined) return;
  for (const name of Object.keys(printed)) if (!Object.hasOwn(fields, name)) yield `${at}/${name} is not on the page`;
}

function* inValues(shown: unknown, printed: unknown, mode: Shown['mode'], at: string): Generator<string, void, void> {
  if (shown === ELLIPSIS) return;
  const isLike =
    typeof shown === typeof printed &&
    (shown === null) === (printed === null) &&
    Array.isArray(shown) === Array.isArray(printed);
  if (!isLike) yield `${at} is ${quoted(printed)}, the page shows ${quoted(shown)}`;
  else if (Array.isArray(shown)) yield* inArrays(shown, printed as unknown[], mode, at);
  else if (isObject(shown)) yield* inObjects(shown, printed as Fields, mode, at);
  else if (mode === 'shape') return;
  else if (typeof shown === 'string' ? !patternOf(shown, mode).test(printed as string) : shown !== printed)
    yield `${at} is ${quoted(printed)}, the page shows ${quoted(shown)}`;
}

/** A line of the page that begins with four blanks goes on with the one before: what is printed may be wider than a page. */
const joined = (shown: string): string => shown.replace(/\n {4}/g, '');

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim().replace(/ {2,}/g, ' '))
    .filter((line) => line !== '');

function* inLines(
  shown: readonly string[],
  printed: readonly string[],
  mode: Shown['mode'],
): Generator<string, void, void> {
  let at = 0;
  for (const [index, line] of shown.entries()) {
    if (line === ELLIPSIS) {
      const next = shown[index + 1];
      if (next === undefined) return;
      while (at < printed.length && !patternOf(next, mode).test(printed[at]!)) at++;
      continue;
    }
    if (!patternOf(line, mode).test(printed[at] ?? ''))
      yield `line ${at + 1} is ${quoted(printed[at] ?? null)}, the page shows ${quoted(line)}`;
    at++;
  }
  if (at < printed.length) yield `line ${at + 1}, ${quoted(printed[at])}, is not on the page`;
}

function parsed(text: string): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
}

/** A sentence for each; none when the command printed what the page shows. */
export function differences({ mode, isJson, text }: Shown, printed: string): string[] {
  if (!isJson) return [...inLines(linesOf(joined(text)), linesOf(printed), mode)];
  const document = parsed(printed);
  if (document === null) return [`this is no JSON: ${printed}`];
  return [...inValues(JSON.parse(text), document.value, mode, '')];
}
