import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeSmallModel } from '../../test/small-models.ts';
import { planOpener } from './plan-opener.ts';

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-opener-'));
  file = await writeSmallModel(join(folder, 'small.onnx'));
});
afterAll(() => rm(folder, { recursive: true }));

function listen(): { said: { level: number; msg: string }[]; logger: pino.Logger } {
  const said: { level: number; msg: string }[] = [];
  const logger = pino({ level: 'info' }, { write: (line) => void said.push(JSON.parse(line)) });
  return { said, logger };
}

describe('planOpener()', () => {
  it('warns once of a guess, however often the file is opened', async () => {
    const { said, logger } = listen();
    const open = planOpener(logger);
    expect((await open(file)).name).toBe('small');
    await open(file);
    expect(said).toEqual([expect.objectContaining({ level: 40, model: 'small', preprocessingFrom: 'convention' })]);
  });

  it('uses what it is told of a model, and warns of nothing', async () => {
    const { said, logger } = listen();
    const told = { labels: ['a', 'b', 'c', 'd'], mean: [0, 0, 0], std: [1, 1, 1] };
    expect(await planOpener(logger, told)(file)).toMatchObject({ labels: told.labels, input: { mean: told.mean } });
    expect(said).toEqual([expect.objectContaining({ level: 30, preprocessingFrom: 'overrides' })]);
  });
});
