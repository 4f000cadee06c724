/**
 * Masks card data in events that are displayed or exported: an earlier version may have stored
 * some.
 */
import { maskEvent } from '../../../shared/event/card-data/mask-event.ts';
import type { TillEvent } from '../../../shared/event/event.ts';

export const maskForDisplay = (event: TillEvent): TillEvent => maskEvent(event)?.event ?? event;
