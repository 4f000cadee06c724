#!/usr/bin/env node
import { runMain } from './run-main.mjs';

runMain('agent/main.ts');
