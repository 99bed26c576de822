import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelsOf, type Plan } from './plan.ts';
import { readPlan, writePlan } from './plan-file.ts';
import { checkPlanFile } from './plan-schema.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skein-plan-'));
  writeFileSync(join(folder, 'small.onnx'), 'small');
  writeFileSync(join(folder, 'big.onnx'), 'big');
});
afterAll(() => rmSync(folder, { recursive: true }));

type Json = Record<string, unknown>;
const valid = (): Json => ({
  skein: 1,
  name: 'pair',
  input: { name: 'input', shape: [3, 32, 32], mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] },
  labels: ['cat', 'dog'],
  root: {
    cascade: {
      small: { model: 'small.onnx', sha256: sha256('small') },
      big: { model: 'big.onnx' },
      confidence: 0.91,
    },
  },
});
/** Reads the valid plan with the value at `place` replaced (undefined: removed). */
const readWith = (place: string, value: unknown, plan = valid()) => {
  const keys = place.split('.');
  const last = keys.pop() as string;
  const parent = keys.reduce<Json>((node, key) => node[key] as Json, plan);
  parent[last] = value;
  return readText(JSON.stringify(plan));
};
const readText = (text: string) => {
  writeFileSync(join(folder, 'plan.json'), text);
  return readPlan(join(folder, 'plan.json'));
};

describe('readPlan()', () => {
  it('reads the plan of the design, models as absolute paths', async () => {
    const plan = await readText(JSON.stringify(valid()));
    expect(plan).toEqual({
      name: 'pair',
      input: { name: 'input', shape: [3, 32, 32], mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] },
      labels: ['cat', 'dog'],
      root: {
        kind: 'cascade',
        small: { kind: 'model', file: join(folder, 'small.onnx'), sha256: sha256('small') },
        big: { kind: 'model', file: join(folder, 'big.onnx'), sha256: sha256('big') },
        confidence: 0.91,
      },
    });
  });

  it('names a misspelt key rather than the one that is missing for it', () => {
    const node = { cascade: { small: { model: 'a' }, big: { model: 'b' }, confidense: 0.9 } };
    const input = { shape: [1, 1, 1], mean: [0], std: [1] };
    const checked = checkPlanFile({ skein: 1, name: 'x', input, labels: ['a', 'b'], root: node }, 16);
    expect(checked).toEqual({
      problem:
        "root.cascade has an unknown key 'confidense': did you mean 'confidence'? It may have small, big, confidence",
    });
  });

  it.each<[place: string, value: unknown, code: string, problem: string]>([
    ['root.cascade.confidence', 1.3, 'corrupt', 'root.cascade.confidence must be between 0 and 1, received 1.3'],
    ['root.cascade.confidence', '0.9', 'corrupt', 'root.cascade.confidence must be a number, received "0.9"'],
    ['root.cascade.confidence', undefined, 'corrupt', 'root.cascade.confidence must be a number, received nothing'],
    [
      'root.cascade.thresold',
      0.5,
      'corrupt',
      "root.cascade has an unknown key 'thresold'; it may have small, big, confidence",
    ],
    [
      'root.cascade.small.sha265',
      'x',
      'corrupt',
      "root.cascade.small has an unknown key 'sha265': did you mean 'sha256'? It may have model, sha256",
    ],
    ['extra', 1, 'corrupt', "the plan has an unknown key 'extra'; it may have skein, name, input, labels, root"],
    [
      'input.Shape',
      1,
      'corrupt',
      "input has an unknown key 'Shape': did you mean 'shape'? It may have name, shape, mean, std",
    ],
    [
      'root.cascade.big',
      { modle: 'big.onnx' },
      'corrupt',
      "root.cascade.big must have exactly one of model, cascade, parallel, separable, select, remote, received modle: did you mean 'model'?",
    ],
    [
      'root.cascade.big.model',
      'big\0.onnx',
      'corrupt',
      'root.cascade.big.model must be the path of an ONNX file, received "big\\u0000.onnx"',
    ],
    ['skein', 2, 'corrupt', 'skein must be 1, the version of the format, received 2'],
    [
      'name',
      '../x',
      'corrupt',
      "name must be 1 to 128 letters, digits, '.', '_' or '-' that start with a letter or digit, received \"../x\"",
    ],
    ['input.shape', [3, 32], 'corrupt', 'input.shape must be [channels, height, width], received [3,32]'],
    ['input.shape', [3, 0, 32], 'corrupt', 'input.shape.1 must be a whole number from 1, received 0'],
    ['input.mean', [0.5], 'corrupt', 'input.mean must be 3 numbers, one a channel, received 1'],
    ['input.std', [1, 1, 0], 'corrupt', 'input.std.2 must be above 0, received 0'],
    ['labels', ['one'], 'corrupt', 'labels must be a list of at least 2 class names, received ["one"]'],
    [
      'root',
      'small.onnx',
      'corrupt',
      'root must be a node, an object with one of model, cascade, parallel, separable, select, remote, received "small.onnx"',
    ],
    [
      'root.cascade.small',
      undefined,
      'corrupt',
      'root.cascade.small must be a node, an object with one of model, cascade, parallel, separable, select, remote, received nothing',
    ],
    [
      'root',
      {},
      'corrupt',
      'root must have exactly one of model, cascade, parallel, separable, select, remote, received none',
    ],
    [
      'root.model',
      'small.onnx',
      'corrupt',
      'root must have exactly one of model, cascade, parallel, separable, select, remote, received cascade and model',
    ],
    [
      'root.cascade.big',
      { separable: [] },
      'unsupported',
      "root.cascade.big is a 'separable' node, which Skein cannot run yet",
    ],
    [
      'root.cascade.big.model',
      'none.onnx',
      'not-found',
      "root.cascade.big.model names 'none.onnx', which is not there",
    ],
    [
      'root.cascade.big.model',
      '../big.onnx',
      'corrupt',
      "root.cascade.big.model must be a relative path inside the plan's folder, received '../big.onnx'",
    ],
    [
      'root.cascade.big.model',
      '/etc/passwd',
      'corrupt',
      "root.cascade.big.model must be a relative path inside the plan's folder, received '/etc/passwd'",
    ],
    [
      'root.cascade.big.model',
      'C:\\big.onnx',
      'corrupt',
      "root.cascade.big.model must be a relative path inside the plan's folder, received 'C:\\big.onnx'",
    ],
    [
      'root.cascade.big.sha256',
      sha256('other'),
      'corrupt',
      `root.cascade.big.sha256 must be that of 'big.onnx', ${sha256('big')}, received ${sha256('other')}: the file was changed`,
    ],
    [
      'root.cascade.big.sha256',
      'abc',
      'corrupt',
      'root.cascade.big.sha256 must be 64 hexadecimal digits, received "abc"',
    ],
  ])('%s = %j: one line that names the place', async (place, value, code, problem) => {
    await expect(readWith(place, value)).rejects.toMatchObject({
      code,
      message: `Cannot load plan '${join(folder, 'plan.json')}': ${problem}`,
    });
  });

  const split = (): Json => ({
    ...valid(),
    labels: ['cat', 'dog', 'cow'],
    root: {
      parallel: {
        other: 'subtracted',
        priors: [0.5, 0.25, 0.25],
        parts: [
          { classes: ['cat', 'cow'], scale: [2, 1], bias: [0, -0.5], node: { model: 'small.onnx' } },
          { classes: ['dog'], node: { model: 'big.onnx' } },
        ],
      },
    },
  });

  it('reads parts of classes by name', async () => {
    expect((await readText(JSON.stringify(split()))).root).toEqual({
      kind: 'parallel',
      other: 'subtracted',
      priors: [0.5, 0.25, 0.25],
      parts: [
        {
          classes: [0, 2],
          scale: [2, 1],
          bias: [0, -0.5],
          node: { kind: 'model', file: join(folder, 'small.onnx'), sha256: sha256('small') },
        },
        { classes: [1], node: { kind: 'model', file: join(folder, 'big.onnx'), sha256: sha256('big') } },
      ],
    });
  });

  it.each<[place: string, value: unknown, problem: string]>([
    ['other', 'ignored', `root.parallel.other must be 'subtracted' or 'dropped', received "ignored"`],
    ['other', undefined, `root.parallel.other must be 'subtracted' or 'dropped', received nothing`],
    ['parts', [], 'root.parallel.parts must be a list of at least 1 part, received []'],
    ['parts', undefined, 'root.parallel.parts must be a list of at least 1 part, received nothing'],
    [
      'parts.1',
      'big.onnx',
      'root.parallel.parts.1 must be an object with classes, node, and perhaps scale and bias, received "big.onnx"',
    ],
    ['parts.1.weight', 1, "root.parallel.parts.1 has an unknown key 'weight'; it may have classes, scale, bias, node"],
    ['parts.1.classes', [], 'root.parallel.parts.1.classes must be a list of at least 1 of the labels, received []'],
    ['parts.1.classes', [1], 'root.parallel.parts.1.classes.0 must be one of the labels, received 1'],
    [
      'parts.1.classes',
      ['dgo'],
      `root.parallel.parts.1.classes.0 must be one of the labels, received "dgo": did you mean 'dog'?`,
    ],
    [
      'parts.1.classes',
      ['dog', 'cow'],
      'root.parallel.parts.1.classes.1 must be in one part only, received "cow", which is in root.parallel.parts.0 too',
    ],
    [
      'parts.1.classes',
      ['dog', 'dog'],
      'root.parallel.parts.1.classes.1 must be in one part only, received "dog", which is in root.parallel.parts.1 too',
    ],
    [
      'parts.0.classes',
      ['cow', 'cat'],
      'root.parallel.parts.0.classes must be in the order of the labels, received "cow" before "cat"',
    ],
    [
      'parts.0',
      { classes: ['cat'], node: { model: 'small.onnx' } },
      'root.parallel.parts must have every label in one of them, received none with "cow"',
    ],
    ['parts.0.scale', [1], 'root.parallel.parts.0.scale must be 2 numbers, one a class, received 1'],
    ['parts.1.bias', [1, 2], 'root.parallel.parts.1.bias must be 1 numbers, one a class, received 2'],
    ['parts.1.scale', ['1'], 'root.parallel.parts.1.scale.0 must be a number, received "1"'],
    ['priors', [0.5, 0.5], 'root.parallel.priors must be 3 numbers, one a label, received 2'],
    ['priors', [0.5, 0.5, 0], 'root.parallel.priors.2 must be above 0, received 0'],
    ['priors', [0.5, 0.25, 0.5], 'root.parallel.priors must be 1 in sum, received 1.25'],
    [
      'parts.1.node',
      undefined,
      'root.parallel.1 must be a node, an object with one of model, cascade, parallel, separable, select, remote, received nothing',
    ],
    ['parts.1.node.model', 'none.onnx', "root.parallel.1.model names 'none.onnx', which is not there"],
    [
      'parts.1.node',
      { parallel: { other: 'dropped', parts: [] } },
      'root.parallel.1.parallel.parts must be a list of at least 1 part, received []',
    ],
    [
      'parts.1.node',
      { parallel: { other: 'dropped', parts: [{ classes: ['dog'], node: { model: 'big.onnx' } }] } },
      "root.parallel.1 must not be a 'parallel' node inside a part of another: give its parts to that one",
    ],
    [
      'parts.1.node',
      { cascade: { small: { model: 'small.onnx' }, big: { model: 'big.onnx' }, confidence: 2 } },
      'root.parallel.1.cascade.confidence must be between 0 and 1, received 2',
    ],
  ])('parallel.%s = %j: one line that names the place', async (place, value, problem) => {
    await expect(readWith(`root.parallel.${place}`, value, split())).rejects.toThrow(
      `Cannot load plan '${join(folder, 'plan.json')}': ${problem}`,
    );
  });

  it('refuses a parallel node whose labels are not all different', async () => {
    await expect(readWith('labels', ['cat', 'dog', 'cow', 'dog'], split())).rejects.toThrow(
      'labels must all be different for root.parallel to name them, received "dog" twice',
    );
  });

  it('refuses what is no JSON, no object, not there', async () => {
    await expect(readText('{"skein": 1,')).rejects.toMatchObject({ code: 'corrupt', message: /it is not JSON/ });
    await expect(readText('[]')).rejects.toMatchObject({
      code: 'corrupt',
      message: /the file must be an object, received \[\]$/,
    });
    await expect(readPlan(join(folder, 'none.json'))).rejects.toMatchObject({ code: 'not-found' });
  });

  it('refuses nesting without end', async () => {
    let root: unknown = { model: 'small.onnx' };
    for (let i = 0; i < 2000; i++) root = { cascade: { small: root, big: { model: 'big.onnx' }, confidence: 0.5 } };
    await expect(readWith('root', root)).rejects.toThrow('must not be nested as deep as it is');
  });
});

describe('writePlan()', () => {
  const plan = (): Plan => ({
    name: 'pair',
    input: { name: 'input', shape: [1, 8, 8], mean: [0], std: [1] },
    labels: ['a', 'b'],
    root: {
      kind: 'cascade',
      small: { kind: 'model', file: join(folder, 'small.onnx') },
      big: { kind: 'model', file: join(folder, 'big.onnx') },
      confidence: 0.8,
    },
  });

  it('writes relative paths and hashes, which readPlan() reads back', async () => {
    const file = await writePlan(plan(), folder);
    const { root } = JSON.parse(readFileSync(file, 'utf8'));
    expect(root.cascade.small).toEqual({ model: 'small.onnx', sha256: sha256('small') });
    const read = await readPlan(file);
    expect([...modelsOf(read.root)].map(({ path }) => path)).toEqual(['root.cascade.small', 'root.cascade.big']);
    expect(read).toMatchObject(plan());
    expect(readdirSync(folder).sort()).toEqual(['big.onnx', 'plan.json', 'small.onnx']);
  });

  it('writes parts with the names of their classes, which readPlan() reads back', async () => {
    const parts: Plan = {
      ...plan(),
      labels: ['a', 'b', 'c'],
      root: {
        kind: 'parallel',
        other: 'dropped',
        priors: [0.5, 0.25, 0.25],
        parts: [
          { classes: [1], node: { kind: 'model', file: join(folder, 'big.onnx') } },
          { classes: [0, 2], scale: [1, 2], bias: [3, 4], node: plan().root },
        ],
      },
    };
    const file = await writePlan(parts, folder);
    const { root } = JSON.parse(readFileSync(file, 'utf8'));
    expect(root.parallel.parts[1]).toMatchObject({ classes: ['a', 'c'], scale: [1, 2], bias: [3, 4] });
    expect(await readPlan(file)).toMatchObject(parts);
    const beyond = { ...parts, labels: ['a', 'b'] };
    await expect(writePlan(beyond, folder)).rejects.toThrow(
      "Cannot write plan 'pair': root.parallel.parts.1.classes.1 must be one of the labels, received nothing",
    );
  });

  it('refuses models outside of the folder and plans that could not be read', async () => {
    const outside: Plan = {
      ...plan(),
      root: { kind: 'model', file: join(folder, '..', 'x.onnx'), sha256: sha256('') },
    };
    await expect(writePlan(outside, folder)).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(writePlan({ ...plan(), name: 'a b' }, folder)).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});
