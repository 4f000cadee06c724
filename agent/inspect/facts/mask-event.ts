/** What leaves the buffer for people holds no card data, whatever an earlier version let in. */
import { maskEvent } from '../../../shared/event/card-data/mask-event.ts';
import type { TillEvent } from '../../../shared/event/event.ts';

export const maskForDisplay = (event: TillEvent): TillEvent => maskEvent(event)?.event ?? event;
