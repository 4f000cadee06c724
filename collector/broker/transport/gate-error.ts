/** Reasons for which a framing gate closes its connection. */
export type GateFault =
  | 'malformed'
  | 'oversized'
  | 'no-connect'
  | 'early-bytes'
  | 'slow-handshake'
  | 'slow-packet'
  | 'keep-alive'
  | 'control-budget'
  | 'pieces'
  | 'receive-memory';

export class GateError extends Error {
  override readonly name = 'GateError';
  readonly fault: GateFault;
  constructor(fault: GateFault, detail: string) {
    super(detail);
    this.fault = fault;
  }
}
