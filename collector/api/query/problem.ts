/** API errors as RFC 9457 problem details. */
import { STATUS_CODES } from 'node:http';

export interface ParameterError {
  /** Name of the query parameter. */
  readonly parameter: string;
  readonly detail: string;
}

export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly errors: readonly ParameterError[];
  /** When to ask again, seconds; null: asking again will not help. */
  readonly retryAfterS: number | null;
  /** Further members of the problem. */
  readonly more: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    detail: string,
    { errors = [], retryAfterS = null, more = {} }: Partial<Pick<Problem, 'errors' | 'retryAfterS' | 'more'>> = {},
  ) {
    super(detail);
    this.status = status;
    this.errors = errors;
    this.retryAfterS = retryAfterS;
    this.more = more;
  }

  body(): Record<string, unknown> {
    const { status, message, errors } = this;
    return {
      type: 'about:blank',
      title: STATUS_CODES[status] ?? 'Error',
      status,
      detail: message,
      ...(errors.length > 0 && { errors }),
      ...this.more,
    };
  }
}

export const badParameter = (parameter: string, detail: string): Problem =>
  new Problem(400, `${parameter} ${detail}`, { errors: [{ parameter, detail }] });
