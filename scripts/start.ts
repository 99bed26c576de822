/**
 * `npm start`: the main job with what comes along. Pairs the two embedded models on drawn shapes, serves the cascade
 * (words after `npm start --` go to `skein serve`), and says each command before it runs it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { messageOf } from '../src/base/index.ts';
import { openData } from '../src/data/index.ts';
import { takeFolder } from './own-folder.ts';
import { addressesOf, checkPorts } from './serve-words.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs one command of Skein; what it prints is seen, and `onLine` is told. */
function skein(words: readonly string[], onLine: (line: string) => void = () => {}): Promise<number> {
  console.log(`\n$ npx skein ${words.join(' ')}`);
  // A process group of its own: Ctrl-C reaches this process from the terminal and again from npm, the server only once.
  const child = spawn(process.execPath, ['dist/src/cli/main.js', ...words], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    console.log(line);
    onLine(line);
  });
  passSignalsTo(child);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

function passSignalsTo(child: ChildProcess): void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  let passed = false;
  const pass = () => {
    if (!passed) child.kill('SIGTERM');
    passed = true;
  };
  for (const signal of signals) process.on(signal, pass);
  // npm passes SIGTERM to its shell alone, which dies without a word to this process.
  const parent = process.ppid;
  const watch = setInterval(() => process.ppid !== parent && pass(), 500);
  child.on('close', () => {
    clearInterval(watch);
    for (const signal of signals) process.off(signal, pass);
  });
}

/** One drawn image of each class, from the split that nothing was chosen on. */
async function drawSamples(folder: string): Promise<string[]> {
  await mkdir(folder);
  const side = 32;
  const data = await openData('shapes', { split: 'test', limit: 10 });
  // With this mean and std the numbers are the bytes themselves.
  const bytes = { shape: [3, side, side], mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] } as const;
  const names: string[] = [];
  for await (const { data: planes, labels } of data.batches(bytes, 1)) {
    const pixels = Buffer.alloc(planes.length);
    for (let i = 0; i < pixels.length; i++) {
      pixels[i] = Math.round(planes[(i % 3) * side * side + Math.floor(i / 3)] as number);
    }
    const name = data.classNames[labels[0] as number] as string;
    await sharp(pixels, { raw: { width: side, height: side, channels: 3 } }).toFile(`${folder}/${name}.png`);
    names.push(name);
  }
  await data.close();
  return names.sort();
}

/** Pairs and serves in a folder of its own. @returns the exit code */
async function pairAndServe(words: readonly string[]): Promise<number> {
  const own = await takeFolder(`${ROOT}/.skein/shapes`);
  const folder = relative(ROOT, own.path);
  try {
    const samples = await drawSamples(`${own.path}/samples`);
    const models = ['models/shapes-small.onnx', 'models/shapes-big.onnx'];
    const on = ['--data', 'shapes', '--limit', '10000'];
    const code = await skein(['pair', ...models, ...on, '-o', folder, '--name', 'shapes']);
    if (code !== 0) return code;
    return await skein(['serve', folder, '--log-level', 'warn', ...words], (line) => {
      const url = /^ready (\S+)/.exec(line)?.[1];
      if (url === undefined) return;
      console.log(`
The cascade answers. In another terminal, here:

  curl --data-binary @${folder}/samples/star.png ${url}/v2/models/shapes/classify

Others in ${folder}/samples: ${samples.join(', ')}.
What it has done: curl ${url}/metrics. Ctrl-C ends it.`);
    });
  } finally {
    await own.release();
  }
}

const words = process.argv.slice(2);
const addresses = addressesOf(words);
try {
  // What cannot be served is said at once, by the command that knows why, instead of after the work.
  if (addresses === undefined) process.exitCode = await skein(['serve', 'models/shapes-small.onnx', ...words]);
  else {
    await checkPorts(addresses);
    process.exitCode = await pairAndServe(words);
  }
} catch (error) {
  console.error(`error: ${messageOf(error)}`);
  process.exitCode = 1;
}
