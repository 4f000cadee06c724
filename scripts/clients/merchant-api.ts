/** The collector's HTTP API as a merchant's program uses it. */
import { request } from 'undici';

export interface Point {
  readonly t: string;
  readonly status: string;
  readonly [metric: string]: number | string | null;
}

export interface Metrics {
  readonly meta: { readonly from: string; readonly to: string; readonly status: string };
  readonly series: readonly {
    readonly key: Readonly<Record<string, string | null>>;
    readonly points: readonly Point[];
  }[];
}

const TIMEOUT_MS = 30_000;

export class MerchantApi {
  readonly #base: string;
  readonly #key: string;

  /** @param url such as `http://127.0.0.1:8080` */
  constructor(url: string, merchant: string, key: string) {
    this.#base = `${url}/v1/merchants/${merchant}`;
    this.#key = key;
  }

  metrics(query: Readonly<Record<string, string>>): Promise<Metrics> {
    return this.get('metrics', query);
  }

  /** @throws Error with the answer's text unless it is 200 */
  async get<T>(resource: string, query: Readonly<Record<string, string>> = {}): Promise<T> {
    const url = `${this.#base}/${resource}?${new URLSearchParams(query)}`;
    const { statusCode, body } = await request(url, {
      headers: { authorization: `Bearer ${this.#key}`, accept: 'application/json' },
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`GET ${url}: ${statusCode} ${text.slice(0, 500)}`);
    return JSON.parse(text) as T;
  }
}
