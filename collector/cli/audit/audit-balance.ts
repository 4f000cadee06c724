/** `audit --balance`: the tills of which seqs are neither stored, nor pending, nor lost. */
import { type MerchantId, merchantId, streamId } from '../../../shared/ids.ts';
import { countOf } from '../../../shared/seq-ranges.ts';
import { DAY_MS } from '../../../shared/time.ts';
import { checkLayout } from '../../store/initialize-store.ts';
import { type CommandContext, END_HOUR, type Printed, parsed, withStore } from '../command.ts';
import { longCommand } from '../long-command.ts';
import { type Balance, givenOutOf, unbalanced } from './balance.ts';

/** Ranges that are named of a stream. */
const MAX_RANGES = 20;
/** Raw rows expire after 400 days; in HBase those of a stream not all at once. */
const EXPIRY_MS = 398 * DAY_MS;

export async function auditBalance(context: CommandContext): Promise<Printed> {
  const { given, now } = context;
  const merchant = given.merchant === undefined ? null : parsed(given, 'merchant', merchantId);
  const entries: ReturnType<typeof entryOf>[] = [];
  let balanced = 0;
  await withStore(context, async ({ log, terminals, control }) => {
    await checkLayout(control);
    const lineAt = (merchants: number): string => `${merchants} merchants done`;
    await longCommand<number, void>(context, 'audit --balance', lineAt, async ({ progress, signal }) => {
      let merchants = 0;
      for await (const one of merchant === null ? log.merchants() : [merchant]) {
        signal.throwIfAborted();
        const streams = [];
        for await (const { epochs } of terminals.list(one)) streams.push(...givenOutOf(epochs));
        const range = { hours: END_HOUR, expiry: now() - EXPIRY_MS };
        const found = await unbalanced(log, one, streams, range);
        balanced += streams.length - found.length;
        entries.push(...found.map((balance) => entryOf(one, balance)));
        progress(++merchants);
      }
    });
  });
  return {
    json: { unbalanced: entries, balanced },
    text: entries.map(lineOf).join('\n') || `all ${balanced} streams add up`,
    found: entries.length > 0,
  };
}

const entryOf = (
  merchant: MerchantId,
  { terminal, epoch, lastSeq, stored, pending, lost, missing, since }: Balance,
) => ({
  ...{
    merchant,
    terminal,
    stream: streamId(terminal, epoch),
    givenOut: lastSeq,
    stored,
    pending: countOf(pending),
    lost,
  },
  ...{ missing: countOf(missing), ranges: missing.slice(0, MAX_RANGES) },
  since: since === null ? null : new Date(since).toISOString(),
});

function lineOf({
  merchant,
  stream,
  givenOut,
  stored,
  pending,
  lost,
  missing,
  ranges,
  since,
}: ReturnType<typeof entryOf>) {
  const [first, last] = ranges[0]!;
  return (
    `${merchant} ${stream}: ${missing} of ${givenOut} seqs are missing (${stored} stored, ${pending} pending, ${lost} lost), ` +
    `the first are ${first} to ${last}, after what arrived ${since ?? 'never'}`
  );
}
