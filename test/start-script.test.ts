/** `npm start`: what it does before the minutes of work, and beside a copy that already runs. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { takeFolder } from '../scripts/own-folder.ts';

const START = fileURLToPath(new URL('../scripts/start.js', import.meta.url));

let folder: string;
let taken: Server;
let port: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-start-'));
  taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  port = String((taken.address() as AddressInfo).port);
});
afterAll(async () => {
  taken.close();
  await rm(folder, { recursive: true });
});

function start(...words: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [START, ...words], { timeout: 30_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

describe('npm start', () => {
  it('says that a port is taken before it does anything else', async () => {
    expect(await start('--port', port)).toEqual({
      code: 1,
      stdout: '',
      stderr: `error: Cannot listen on 127.0.0.1:${port}: the port is taken; choose another: npm start -- --port <n>\n`,
    });
    expect(await start('--port', '0', '--grpc-port', port)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/the port is taken; choose another: npm start -- --grpc-port <n>\n$/),
    });
  });

  it('says at once that serve does not know a word', async () => {
    const { code, stdout, stderr } = await start('--nope');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: unknown option '--nope'/);
    expect(stdout).not.toContain('pair');
  });
});

describe('takeFolder()', () => {
  it('leaves the folder of a running copy alone', async () => {
    const base = join(folder, 'nested', 'shapes');
    const first = await takeFolder(base);
    await writeFile(join(first.path, 'sample.png'), 'in use');
    const second = await takeFolder(base);
    expect([first.path, second.path]).toEqual([base, `${base}-2`]);
    expect(existsSync(join(first.path, 'sample.png'))).toBe(true);
    await first.release();
    const third = await takeFolder(base);
    expect(third.path).toBe(base);
    expect(await readdir(base)).toEqual([]);
  });

  it('takes over the folder of a copy that has died', async () => {
    const base = join(folder, 'crashed');
    const gone = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(gone, 'close');
    await writeFile(`${base}.pid`, String(gone.pid));
    expect((await takeFolder(base)).path).toBe(base);
  });
});
