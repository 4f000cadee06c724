/** Support's page at `/`: complete without its script, and free of external resources. */
import { hash } from 'node:crypto';
import { html, Markup } from './markup.ts';
import type { InspectReport } from './report.ts';
import { SCRIPT } from './script.ts';
import { SECTIONS } from './sections.ts';
import { STYLE } from './style.ts';

const source = (text: string): string => `'sha256-${hash('sha256', text, 'base64')}'`;

/** Only the page's own style and script run, and it may only send requests to its agent. */
const POLICY = [
  "default-src 'none'",
  `style-src ${source(STYLE)}`,
  `script-src ${source(SCRIPT)}`,
  'img-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
};

const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#2563c9"/><path d="M3 11l3-4 3 2 4-6" fill="none" stroke="#fff" stroke-width="2"/></svg>',
)}`;

export function page(report: InspectReport): string {
  const { merchant, terminal, state } = report;
  const sections = Object.entries(SECTIONS).map(
    ([id, section]) =>
      html`<section id="${id}"${id === 'state' ? new Markup(' role="status"') : null}>${section(report)}</section>\n`,
  );
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<noscript><meta http-equiv="refresh" content="15"></noscript>
<title>${state.title} – ${merchant}/${terminal}</title>
<link rel="icon" href="${ICON}">
<style>${new Markup(STYLE)}</style>
</head>
<body>
<header><h1>Till ${merchant}/${terminal}</h1><p>Tillstream agent</p></header>
<p id="stale" role="alert" hidden></p>
<main>
${sections}</main>
<footer><p id="zone">Times ending in Z are UTC.</p></footer>
<script>${new Markup(SCRIPT)}</script>
</body>
</html>
`.text;
}
