import { randomBytes } from 'node:crypto';
import { type MerchantId, merchantId } from '../../../shared/ids.ts';

/** A merchant that no test has used before, on whatever store. */
export const freshMerchant = (): MerchantId => merchantId(`m-${randomBytes(6).toString('hex')}`);
