/**
 * The accepted currency codes of ISO 4217, and their exponents: currencies and funds of list one,
 * and those withdrawn since 2000 (list three), which imports of old sales contain. Without metals,
 * bond units, the test code and "no currency". A list of its own, because ICU's changes with Node,
 * and has the decimals that people write: none for Colombia's peso, which ISO 4217 gives two.
 */
const CURRENT = `
  AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP
  COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK
  JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN
  NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP
  SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XCD XCG XDR XOF XPF XSU XUA YER
  ZAR ZMW ZWG`;

const WITHDRAWN_SINCE_2000 = `
  ADP AFA ANG ATS AYM AZM BEF BGL BGN BYB BYR CHC CSD CUC CYP DEM ECS ECV EEK ESP FIM FRF GHC GRD HRK IEP ITL LTL LUF LVL MGF MRO MTL
  MZM NLG PTE ROL RUR SDD SIT SKK SLL SRG STD TJR TMM TPE TRL USS VEB VEF YUM ZMK ZWD ZWL ZWN ZWR`;

export const CURRENCIES: ReadonlySet<string> = new Set(`${CURRENT} ${WITHDRAWN_SINCE_2000}`.trim().split(/\s+/));

/**
 * Those whose exponent is not 2. Special drawing rights and units of account have no minor unit.
 * List three tells no exponents: withdrawn currencies have those of their last entry in list one.
 */
const EXPONENTS: readonly (readonly [exponent: number, codes: string])[] = [
  [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'],
  [0, 'XDR XSU XUA'],
  [0, 'ADP BEF BYB BYR ESP GRD ITL LUF MGF PTE TPE TRL'],
  [3, 'BHD IQD JOD KWD LYD OMR TND'],
  [4, 'CLF UYW'],
];
const EXPONENT_BY_CODE: ReadonlyMap<string, number> = new Map(
  EXPONENTS.flatMap(([exponent, codes]) => codes.split(' ').map((code) => [code, exponent] as const)),
);

/** Decimals of a currency's amounts: its minor unit is 10^-exponent. */
export const exponentOf = (currency: string): number => EXPONENT_BY_CODE.get(currency) ?? 2;
