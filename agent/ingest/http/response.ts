/** HTTP responses of the handlers; errors are RFC 9457 problem details. */
import { STATUS_CODES } from 'node:http';
import { redact } from '../../../shared/event/card-data/card-data.ts';
import type { FieldError } from '../../../shared/event/parse.ts';

export interface HttpResponse {
  readonly status: number;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export const json = (status: number, value: unknown): HttpResponse => ({
  status,
  contentType: 'application/json',
  headers: {},
  body: JSON.stringify(value),
});

export const text = (status: number, contentType: string, body: string): HttpResponse => ({
  status,
  contentType,
  headers: {},
  body,
});

/**
 * Masks card data: a pointer or a detail may repeat what the till sent.
 *
 * @param errors each with a JSON pointer into the request
 */
export const problem = (
  status: number,
  detail: string,
  { errors, headers = {} }: { errors?: readonly FieldError[]; headers?: Readonly<Record<string, string>> } = {},
): HttpResponse => ({
  status,
  contentType: 'application/problem+json',
  headers,
  body: JSON.stringify({
    type: 'about:blank',
    title: STATUS_CODES[status],
    status,
    detail: redact(detail),
    ...(errors === undefined
      ? {}
      : { errors: errors.map(({ pointer, detail }) => ({ pointer: redact(pointer), detail: redact(detail) })) }),
  }),
});
