#!/usr/bin/env node
/** The `skein` command. */
import { readFileSync } from 'node:fs';
import { runProgram } from './command.ts';
import { makeProgram } from './program.ts';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runProgram(makeProgram(version), process.argv.slice(2));
