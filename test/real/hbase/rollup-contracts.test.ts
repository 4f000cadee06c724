import t from 'tap';
import { auditContract } from '../../contract/audit/contract.ts';
import { boundsContract } from '../../contract/bounds/contract.ts';
import { lateContract } from '../../contract/late/contract.ts';
import { keptPastContract } from '../../contract/rollup/kept-past.ts';
import { rollupContract } from '../../contract/rollup-contract.ts';
import { keepContracts } from '../../support/real/contracts.ts';
import { largestGatewayCall } from '../../support/real/gateway-calls.ts';

const largestCall = largestGatewayCall();

await keepContracts(t, {
  rollup: rollupContract,
  bounds: boundsContract,
  audit: auditContract,
  'a kept past': (t, _open, place) => keptPastContract(t, place),
  'late data': (t, open) => lateContract(t, open, largestCall),
});
