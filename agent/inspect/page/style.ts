/**
 * The page's style sheet: follows the system's dark mode, fits a phone, and loads nothing external.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f4f5f7, #14171c);
  --card: light-dark(#ffffff, #1d2128);
  --ink: light-dark(#1a1d23, #e7e9ee);
  --faint: light-dark(#5b6370, #9aa3b2);
  --edge: light-dark(#d9dde3, #333a45);
  --series: light-dark(#2563c9, #6ea0f5);
  --good: light-dark(#14733f, #57c98a);
  --good-ground: light-dark(#e4f4ea, #16301f);
  --warn: light-dark(#8a5300, #f0b45a);
  --warn-ground: light-dark(#fdf1dc, #352812);
  --bad: light-dark(#b3261e, #ff8a80);
  --bad-ground: light-dark(#fbe6e4, #3b1a18);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
header, main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1rem; }
header { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 0 1rem; padding-top: 1rem; }
h1 { font-size: 1.1rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 0 0 .6rem; }
header p { margin: 0; color: var(--faint); font-size: .85rem; }
main { display: grid; gap: 1rem; padding-top: .75rem; padding-bottom: 1rem; grid-template-columns: minmax(0, 1fr); }
section { background: var(--card); border: 1px solid var(--edge); border-radius: .6rem; padding: 1rem; }
#state, #figures { background: none; border: 0; padding: 0; }
footer { color: var(--faint); font-size: .85rem; padding-bottom: 2rem; }
.faint { color: var(--faint); margin: .25rem 0; }
.fault { color: var(--bad); }
.unseen { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
code { font: .9em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
#stale { background: var(--bad-ground); color: var(--bad); border: 1px solid; border-radius: .6rem; padding: .6rem 1rem; margin: .75rem auto 0; max-width: 66rem; font-weight: 600; }
#stale[hidden] { display: none; }
.state { border: 1px solid; border-radius: .6rem; padding: 1rem 1.2rem; }
.state h2 { font-size: clamp(1.5rem, 5vw, 2.2rem); line-height: 1.2; margin: 0 0 .4rem; }
.state p { margin: .15rem 0; color: var(--ink); overflow-wrap: anywhere; }
.state.good { color: var(--good); background: var(--good-ground); }
.state.warn { color: var(--warn); background: var(--warn-ground); }
.state.bad { color: var(--bad); background: var(--bad-ground); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.2rem, 1fr)); gap: .75rem; margin: 0; }
.tile { background: var(--card); border: 1px solid var(--edge); border-radius: .6rem; padding: .7rem .9rem; }
.tile dt { color: var(--faint); font-size: .85rem; }
.tile dd { margin: 0; }
.tile .value { font-size: 1.45rem; font-weight: 650; line-height: 1.25; }
.tile .note { color: var(--faint); font-size: .8rem; }
.tile.warn .value { color: var(--warn); }
.tile.bad .value { color: var(--bad); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1.25rem; }
figure { margin: 0; min-width: 0; }
figcaption { color: var(--faint); font-size: .85rem; margin-bottom: .35rem; }
.plot { display: grid; grid-template: "scale svg" 8rem ". times" auto / auto minmax(0, 1fr); column-gap: .5rem; }
.plot svg { grid-area: svg; width: 100%; height: 100%; overflow: visible; }
.scale { grid-area: scale; display: flex; flex-direction: column; justify-content: space-between; text-align: right; margin: -.55rem 0; }
.times { grid-area: times; display: flex; justify-content: space-between; padding-top: .3rem; }
.scale, .times { color: var(--faint); font-size: .75rem; font-variant-numeric: tabular-nums; line-height: 1.1rem; }
.grid { stroke: var(--edge); stroke-width: 1; fill: none; vector-effect: non-scaling-stroke; }
.area { fill: var(--series); opacity: .16; }
.line { fill: none; stroke: var(--series); stroke-width: 2; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.bars { fill: var(--series); }
.spot { fill: transparent; }
.spot:hover { fill: var(--ink); opacity: .09; }
details { margin-top: .5rem; font-size: .85rem; }
summary { color: var(--faint); cursor: pointer; width: fit-content; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--faint); font-size: .8rem; }
th, td { padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--edge); vertical-align: top; }
tbody tr:last-child td { border-bottom: 0; }
td { overflow-wrap: break-word; }
.wide { overflow-x: auto; }
.number { text-align: right; white-space: nowrap; }
time { white-space: nowrap; }
.figures { width: auto; }
.figures td:last-child { text-align: right; }
.chip { border-radius: 1rem; padding: .05rem .55rem; font-size: .85em; white-space: nowrap; border: 1px solid var(--edge); }
.chip.acked { color: var(--good); border-color: currentColor; }
.chip.pending { color: var(--warn); border-color: currentColor; }
.chip.quarantined { color: var(--bad); border-color: currentColor; }
span.warn { color: var(--warn); }
.settings { display: grid; grid-template-columns: minmax(7rem, max-content) minmax(0, 1fr); gap: .2rem 1rem; margin: 0; }
.settings dt { color: var(--faint); }
.settings dd { margin: 0; overflow-wrap: anywhere; }
@media (min-width: 44.01rem) {
  .events td:last-child, .losses td:last-child { width: 40%; }
  .log td:last-child { width: 100%; }
}
@media (max-width: 44rem) {
  time { white-space: normal; }
  .records, .records tbody, .records tr, .records td { display: block; }
  .records thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .records tr { border-bottom: 1px solid var(--edge); padding: .55rem 0; }
  .records tr:last-child { border-bottom: 0; }
  .records td { border: 0; padding: .05rem 0; text-align: left; white-space: normal; overflow-wrap: anywhere; width: auto; }
  .records td:empty { display: none; }
  .events tr { display: grid; grid-template: "time state" "type amount" "ref seq" "more more" / minmax(0, 1fr) auto; column-gap: .75rem; }
  .events td:nth-child(1) { grid-area: time; }
  .events td:nth-child(2) { grid-area: type; }
  .events td:nth-child(3) { grid-area: amount; text-align: right; font-weight: 600; }
  .events td:nth-child(4) { grid-area: ref; }
  .events td:nth-child(5) { grid-area: state; text-align: right; }
  .events td:nth-child(6) { grid-area: seq; text-align: right; color: var(--faint); }
  .events td:nth-child(6)::before { content: "seq "; }
  .events td:nth-child(7) { grid-area: more; color: var(--faint); font-size: .9em; }
  .losses td { display: grid; grid-template-columns: 6rem minmax(0, 1fr); }
  .losses td::before { content: attr(data-label); color: var(--faint); }
  .log td:first-child { color: var(--faint); font-size: .85em; }
}
`;
