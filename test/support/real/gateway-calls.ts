/** Watches the calls that this process makes of HBase's gateways. */
import { Gateway } from '../../../collector/store/hbase/thrift/gateway.ts';

type Call = Gateway['call'];

/** @param around called in place of each call, with the call itself */
function watch(around: (make: Call, ...args: Parameters<Call>) => Promise<unknown>): void {
  const { call } = Gateway.prototype;
  Gateway.prototype.call = function (this: Gateway, ...args: Parameters<Call>) {
    return around(call.bind(this) as Call, ...args);
  } as Call;
}

/** Counts from now on. */
export function countGatewayCalls(): () => number {
  let calls = 0;
  watch((make, ...args) => {
    calls++;
    return make(...args);
  });
  return () => calls;
}

/** @returns the bytes of the largest call or answer since it was asked the last time */
export function largestGatewayCall(): () => number {
  let largest = 0;
  watch(async (make, ...args) => {
    const result = await make(...args);
    largest = Math.max(largest, bytesIn(args), bytesIn(result));
    return result;
  });
  return () => {
    const most = largest;
    largest = 0;
    return most;
  };
}

/** Bytes of all byte strings in a value. */
function bytesIn(value: unknown): number {
  if (value instanceof Uint8Array) return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce((sum: number, inner) => sum + bytesIn(inner), 0);
}
