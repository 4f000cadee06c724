/** What support is served over HTTP. It is loaded when somebody first asks: most tills are never looked at. */

import { openSqliteReader } from '../buffer/support/open-reader.ts';
import type { InspectReport } from '../inspect/page/report.ts';
import type { AgentFacts } from './agent-status.ts';
import type { ConnectionLog } from './connection-log.ts';

export interface SupportPage {
  readonly inspect: () => Promise<InspectReport>;
  readonly page: () => Promise<{ readonly headers: Readonly<Record<string, string>>; readonly body: string }>;
}

/** @param path of the buffer's file */
export function supportPage(facts: () => AgentFacts, connections: ConnectionLog, path: string): SupportPage {
  const inspect = async (): Promise<InspectReport> => {
    const { inspectReport } = await import('./inspect-report.ts');
    return inspectReport(facts(), connections.events(), () => openSqliteReader(path));
  };
  return {
    inspect,
    async page() {
      const { PAGE_HEADERS, page } = await import('../inspect/page/document.ts');
      return { headers: PAGE_HEADERS, body: page(await inspect()) };
    },
  };
}
