/** TypeBox's settings, loaded lazily with TypeBox: see `compile.ts`. */
import type { Settings as Real } from 'typebox/system';

declare const require: (name: 'typebox/system') => { readonly Settings: typeof Real };

export const Settings: Pick<typeof Real, 'Get' | 'Set'> = {
  Get: () => require('typebox/system').Settings.Get(),
  Set: (settings) => require('typebox/system').Settings.Set(settings),
};
