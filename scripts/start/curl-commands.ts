/**
 * Commands for any shell: double quotes around text without `$`, `!`, backtick or `%` mean the same
 * in all of them.
 */
export interface CurlSettings {
  /** Such as `http://127.0.0.1:8080`. */
  readonly apiUrl: string;
  readonly merchant: string;
  readonly key: string;
  readonly timeZone: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export function curlCommands({ apiUrl, merchant, key, timeZone, now }: CurlSettings): string[] {
  const today = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(timeZone).toPlainDate();
  const tomorrow = today.add({ days: 1 });
  const weekAgo = today.subtract({ days: 6 });
  const zone = `tz=${timeZone}`;
  return [
    `metrics?metrics=sales.count,sales.amount,customers.unique&interval=hour&from=${today}&to=${tomorrow}&${zone}`,
    `top?of=sku&by=amount&limit=5&from=${weekAgo}&to=${tomorrow}&${zone}`,
    `metrics?metrics=sales.count,refunds.count,net.amount&interval=total&by=method&from=${weekAgo}&to=${tomorrow}&${zone}`,
  ].map((query) => `curl -sS -H "Authorization: Bearer ${key}" "${apiUrl}/v1/merchants/${merchant}/${query}"`);
}
