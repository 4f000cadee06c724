/** `audit --sealed`: sealed hours for which batches came; no figure has them. */

import { merchantId } from '../../../shared/ids.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import { boundary, type CommandContext, END_HOUR, type Printed, parsed, withStore } from '../command.ts';

const iso = (ms: number): string => new Date(ms).toISOString();

export async function auditSealed(context: CommandContext): Promise<Printed> {
  const { given } = context;
  const merchant = given.merchant === undefined ? null : parsed(given, 'merchant', merchantId);
  const [from, to] = [Math.floor(boundary(given, 'from', 0)), boundary(given, 'to', END_HOUR)];
  const sealed = await withStore(context, async (stores) => {
    const found = [];
    for await (const { merchant: of, hour, batches, events, sealedAt } of stores.sealed.list())
      if ((merchant === null || of === merchant) && hour >= from && hour < to)
        found.push({ merchant: of, t: iso(hour * HOUR_MS), batches, events, sealedAt: iso(sealedAt) });
    return found;
  });
  const lines = sealed.map(
    ({ merchant, t, batches, events, sealedAt }) =>
      `${merchant} hour ${t}: ${batches} batches with ${events} events came after it was sealed at ${sealedAt}`,
  );
  // Nobody can do anything about it: it is told, and no finding.
  return { json: { sealed }, text: lines.join('\n') || 'nothing came for a sealed hour' };
}
