import t from 'tap';
import { apiContract } from '../../contract/api-contract.ts';
import { finalityContracts } from '../../contract/finality/contract.ts';
import { historyContract } from '../../contract/history/contract.ts';
import { ingestContract } from '../../contract/ingest-contract.ts';
import { liveHoursContract } from '../../contract/live-hours-contract.ts';
import { initializeContract } from '../../contract/stores/initialize.ts';
import { logicVersionsContract } from '../../contract/stores/logic-versions.ts';
import { storesContract } from '../../contract/stores-contract.ts';
import { wrongClockContract } from '../../contract/wrong-clock-contract.ts';
import { keepContracts, ofNewStores } from '../../support/real/contracts.ts';
import { countGatewayCalls } from '../../support/real/gateway-calls.ts';

const gatewayCalls = countGatewayCalls();

// Those of roll-ups are in a file of their own, which may run beside this one.
await keepContracts(t, {
  'a first use': ofNewStores(initializeContract),
  'logic versions': ofNewStores(logicVersionsContract),
  stores: storesContract,
  ingest: ingestContract,
  'wrong clocks': wrongClockContract,
  finality: finalityContracts,
  'live hours': liveHoursContract,
  api: (t, open) => apiContract(t, open, gatewayCalls),
  history: historyContract,
});
