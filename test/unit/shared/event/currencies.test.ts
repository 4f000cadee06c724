import t from 'tap';
import { CURRENCIES, exponentOf } from '../../../../shared/event/currencies.ts';

t.test("exponents are ISO 4217's, also where ICU has the decimals that people write", async (t) => {
  const cases: Record<string, number> = {
    ...{ INR: 2, EUR: 2, USD: 2, GBP: 2 },
    ...{
      COP: 2,
      IDR: 2,
      HUF: 2,
      TWD: 2,
      CRC: 2,
      AFN: 2,
      IRR: 2,
      MMK: 2,
      LAK: 2,
      RSD: 2,
      UZS: 2,
      PKR: 2,
      LBP: 2,
      MRU: 2,
    },
    ...{ JPY: 0, KRW: 0, CLP: 0, VND: 0, ISK: 0, UGX: 0, XOF: 0, XAF: 0, XPF: 0, PYG: 0, UYI: 0, RWF: 0, VUV: 0 },
    ...{ IQD: 3, KWD: 3, BHD: 3, JOD: 3, OMR: 3, TND: 3, LYD: 3 },
    ...{ CLF: 4, UYW: 4 },
    ...{ DEM: 2, HRK: 2, ITL: 0, ESP: 0, TRL: 0, BYR: 0 },
  };
  for (const [code, exponent] of Object.entries(cases)) {
    t.ok(CURRENCIES.has(code), code);
    t.equal(exponentOf(code), exponent, code);
  }
});

t.test('a currency with an exponent of its own is accepted', async (t) => {
  const all = [...CURRENCIES].filter((code) => exponentOf(code) !== 2);
  t.equal(all.length, 17 + 3 + 12 + 7 + 2);
});
