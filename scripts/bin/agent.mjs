#!/usr/bin/env node
// Runs the agent as the package's command.
import { runMain } from './run-main.mjs';

runMain('agent/main.ts');
