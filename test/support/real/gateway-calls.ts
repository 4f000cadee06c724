/** How many calls this process made of HBase's gateways. */
import { Gateway } from '../../../collector/store/hbase/thrift/gateway.ts';

/** Counts from now on. */
export function countGatewayCalls(): () => number {
  let calls = 0;
  const { call } = Gateway.prototype;
  Gateway.prototype.call = function (this: Gateway, ...args: Parameters<typeof call>) {
    calls++;
    return call.apply(this, args);
  } as typeof call;
  return () => calls;
}
