/** Formats minor units as the currency is written, without its name: `1,299.00`. */
export function formatMoney(amount: number | undefined, currency: string | undefined): string {
  if (amount === undefined || currency === undefined) return '';
  const style = new Intl.NumberFormat('en', { style: 'currency', currency, currencyDisplay: 'code' });
  const decimals = style.resolvedOptions().maximumFractionDigits ?? 0;
  return (amount / 10 ** decimals).toLocaleString('en', {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
}
