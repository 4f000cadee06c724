/** What a till posts to its agent: the contract's event, as the scripts here make it. */
export interface TillEvent {
  readonly type: string;
  /** RFC 3339 with the till's offset. */
  readonly ts: string;
  /** Minor units; positive for refunds too. */
  readonly amount?: number;
  readonly currency?: string;
  /** The till's own id of the event: makes a repeat safe. */
  readonly ref: string;
  readonly dims: Readonly<Record<string, string>>;
  readonly items?: readonly TillItem[];
  readonly attrs?: unknown;
}

export interface TillItem {
  readonly sku: string;
  /** Pieces; negative: returned within a sale. */
  readonly qty: number;
  /** Minor units per piece; negative: a discount. */
  readonly price: number;
}

/** Result of handing events to an agent. */
export interface Receipt {
  readonly accepted: number;
  readonly duplicates: number;
  /** How often the post was repeated. */
  readonly retries: number;
}
