/**
 * Formats minor units with the decimals that ISO 4217 gives the currency, without its name:
 * `1,299.00`.
 */
import { exponentOf } from '../../../shared/event/currencies.ts';

export function formatMoney(amount: number | undefined, currency: string | undefined): string {
  if (amount === undefined || currency === undefined) return '';
  const decimals = exponentOf(currency);
  return (amount / 10 ** decimals).toLocaleString('en', {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
}
