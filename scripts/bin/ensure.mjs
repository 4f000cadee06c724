#!/usr/bin/env node
// Plain JavaScript that Node 20 parses: it runs before Node 26 is installed.
//
//     node scripts/bin/ensure.mjs SCRIPT.ts [arguments]
//
// Runs a script of this project on a machine with a stock Node: installs the packages of
// package-lock.json if they are missing or stale, then runs the script with the Node that they
// contain.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNode } from './bundled-node.mjs';
import { install, staleReason } from './packages.mjs';
import { runChild } from './run-child.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const [script, ...args] = process.argv.slice(2);

if (script === undefined) fail(2, 'usage: node scripts/bin/ensure.mjs SCRIPT.ts [arguments]');
const reason = staleReason(root);
if (reason !== undefined) {
  console.error(`Installing the packages (npm ci), because ${reason} …`);
  if (!install(root)) fail(1, 'npm ci failed; its own message is above.');
}
const found = findNode(root);
if ('error' in found) fail(1, found.error);
runChild(found.node, [join(root, script), ...args]);

function fail(code, message) {
  console.error(message);
  process.exit(code);
}
