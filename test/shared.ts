/**
 * The folder of real models and images that some tests use where it is there: `SKEIN_SHARED`, or `shared` beside the
 * repository. Such tests are skipped by name where it is not.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const beside = fileURLToPath(new URL('../../../shared', import.meta.url));
const folder = resolve(process.env.SKEIN_SHARED ?? beside);

export const sharedDir: string | undefined = existsSync(`${folder}/models`) ? folder : undefined;
