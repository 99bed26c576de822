#!/usr/bin/env node
/** The `skein` command. */
import { runProgram } from './command.ts';
import { makeProgram } from './program.ts';
import { skeinVersion } from './version.ts';

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runProgram(makeProgram(skeinVersion()), process.argv.slice(2));
