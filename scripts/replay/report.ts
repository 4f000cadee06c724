/** Report of a replay: figures, and differences between file and API. */
import type { Difference, Totals } from './totals.ts';

export interface Report {
  readonly merchant: string;
  readonly sent: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly retries: number;
  /** From the first post to the last answer. */
  readonly seconds: number;
  readonly eventsPerSecond: number;
  /** From the last answer until the API showed everything; null when it was not checked. */
  readonly secondsUntilVisible: number | null;
  /** Contents of the file. Amounts in pence. */
  readonly file: Totals;
  /** Differences between the API's totals and the file's. */
  readonly differences: readonly Difference[];
  readonly checked: boolean;
}

const pounds = (pence: number): string => (pence / 100).toLocaleString('en-GB', { style: 'currency', currency: 'GBP' });

export function describe(report: Report): string {
  const { file } = report;
  const lines = [
    `${report.sent} events sent in ${report.seconds.toFixed(1)} s (${Math.round(report.eventsPerSecond)}/s): ${report.accepted} accepted, ${report.duplicates} duplicates, ${report.retries} retries`,
    `sales ${file['sales.count']} / ${pounds(file['sales.amount'])}, refunds ${file['refunds.count']} / ${pounds(file['refunds.amount'])}, net ${pounds(file['net.amount'])}`,
  ];
  if (report.secondsUntilVisible !== null)
    lines.push(`all visible in the API after another ${report.secondsUntilVisible.toFixed(1)} s`);
  if (!report.checked) lines.push('not compared with the API (--no-check)');
  else if (report.differences.length === 0) lines.push("the API's totals are the file's");
  for (const { metric, file: inFile, api } of report.differences)
    lines.push(`DIFFERENT: ${metric} is ${inFile} in the file and ${api} in the API`);
  return `${lines.join('\n')}\n`;
}
