#!/usr/bin/env node
// Runs the collector as the package's command.
import { runMain } from './run-main.mjs';

runMain('collector/main.ts');
