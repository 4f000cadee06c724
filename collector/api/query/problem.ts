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

  constructor(status: number, detail: string, errors: readonly ParameterError[] = []) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }

  body(): Record<string, unknown> {
    const { status, message, errors } = this;
    return {
      type: 'about:blank',
      title: STATUS_CODES[status] ?? 'Error',
      status,
      detail: message,
      ...(errors.length > 0 && { errors }),
    };
  }
}

export const badParameter = (parameter: string, detail: string): Problem =>
  new Problem(400, `${parameter} ${detail}`, [{ parameter, detail }]);
