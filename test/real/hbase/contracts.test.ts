import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { openHBaseTables } from '../../../collector/store/hbase/hbase-tables.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { apiContract } from '../../contract/api-contract.ts';
import { auditContract } from '../../contract/audit/contract.ts';
import { boundsContract } from '../../contract/bounds/contract.ts';
import { finalityContracts } from '../../contract/finality/contract.ts';
import { historyContract } from '../../contract/history/contract.ts';
import { ingestContract } from '../../contract/ingest-contract.ts';
import { lateContract } from '../../contract/late/contract.ts';
import { liveHoursContract } from '../../contract/live-hours-contract.ts';
import { keptPastContract } from '../../contract/rollup/kept-past.ts';
import { rollupContract } from '../../contract/rollup-contract.ts';
import { initializeContract } from '../../contract/stores/initialize.ts';
import { logicVersionsContract } from '../../contract/stores/logic-versions.ts';
import { storesContract } from '../../contract/stores-contract.ts';
import { wrongClockContract } from '../../contract/wrong-clock-contract.ts';
import { countGatewayCalls, largestGatewayCall } from '../../support/real/gateway-calls.ts';
import { sharedHBase } from '../../support/real/hbase.ts';

const hbase = await sharedHBase(t);
if (hbase !== null) {
  const gatewayCalls = countGatewayCalls();
  const largestCall = largestGatewayCall();
  const suites = {
    stores: storesContract,
    ingest: ingestContract,
    'wrong clocks': wrongClockContract,
    rollup: rollupContract,
    bounds: boundsContract,
    finality: finalityContracts,
    audit: auditContract,
    'live hours': liveHoursContract,
    api: apiContract,
    history: historyContract,
    'late data': (t: Test, open: () => Promise<Tables>) => lateContract(t, open, largestCall),
  };
  await t.test('HBase keeps the contract of a first use', (t) =>
    initializeContract(t, async () =>
      openHBaseTables({ ...hbase, namespace: `test_${randomBytes(4).toString('hex')}` }),
    ),
  );
  await t.test('HBase keeps the contract of logic versions', (t) =>
    logicVersionsContract(t, async () =>
      openHBaseTables({ ...hbase, namespace: `test_${randomBytes(4).toString('hex')}` }),
    ),
  );
  await t.test('HBase keeps the contract of a kept past', (t) => {
    const { host, port } = hbase;
    return keptPastContract(t, { kind: 'hbase', host, port, namespace: `test_${randomBytes(4).toString('hex')}` });
  });
  for (const [name, contract] of Object.entries(suites)) {
    await t.test(`HBase keeps the contract of ${name}`, async (t) => {
      const namespace = `test_${randomBytes(4).toString('hex')}`;
      const { host, port } = hbase;
      await contract(t, async () => openHBaseTables({ host, port, namespace }), gatewayCalls);
    });
  }
}
