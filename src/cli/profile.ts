/** `skein profile`: a row a layer of one model: shape, parameters, MACs, milliseconds. */
import { Command } from 'commander';
import type { ModelProfile } from '../plan/index.ts';
import { formatShape } from '../tensor/index.ts';
import {
  definedOnly,
  type OutputOptions,
  UsageError,
  wholeNumber,
  withAction,
  withShape,
  withThreads,
} from './command.ts';
import { count, formatTable, percent } from './table.ts';

interface Options extends OutputOptions {
  readonly batch: number;
  readonly runs: number;
  readonly threads?: number;
  readonly shape?: number[];
}

export function profileCommand(): Command {
  const command = new Command('profile')
    .description('show a row a layer: shape, parameters, MACs, milliseconds')
    .argument('<model>', 'an .onnx or .skz file, or a plan of one model')
    .option('--batch <n>', 'images at a time', wholeNumber(1), 1)
    .option('--runs <n>', 'runs to take the mean of', wholeNumber(1), 50);
  return withAction<Options>(withShape(withThreads(command)), async (output, [path = ''], options) => {
    const { isPlanPath, profileModel } = await import('../plan/index.ts');
    const { Engine } = await import('../runtime/index.ts');
    const { batch, runs, threads, shape } = options;
    const model = (await isPlanPath(path)) ? await onlyModel(path, shape) : { file: path, ...definedOnly({ shape }) };
    const engine = new Engine({ workers: 1, ...definedOnly({ threads }) });
    try {
      const { file, ...known } = model;
      const profile = await profileModel(engine, file, { batch, runs, ...known });
      output.result(profile, () => describe(profile));
    } finally {
      await engine.close();
    }
  });
}

/** The one model of a plan, and the images that it takes. */
async function onlyModel(path: string, shape?: readonly number[]): Promise<{ file: string; shape: readonly number[] }> {
  const { modelsOf, openServable } = await import('../plan/index.ts');
  const { plan } = await openServable(path, definedOnly({ shape }));
  const [model, ...others] = [...modelsOf(plan.root)];
  if (model === undefined || others.length > 0) {
    throw new UsageError(`'${path}' is a plan of ${others.length + 1} models: profile one of its .onnx files`);
  }
  return { file: model.node.file, shape: plan.input.shape };
}

function describe({ layers, total, batch }: ModelProfile): string {
  const right = 'right' as const;
  const shown = layers.filter(({ ms, within, params }) => ms !== null || within !== undefined || params > 0);
  const table = formatTable(
    [
      { title: 'layer' },
      { title: 'operator' },
      { title: 'output' },
      { title: 'parameters', align: right },
      { title: 'MACs', align: right },
      { title: 'ms', align: right },
      { title: 'share', align: right },
    ],
    [
      ...shown.map(({ name, opType, shape, params, macs, ms, within }) => [
        name,
        opType,
        formatShape(shape),
        params === 0 ? '' : count(params),
        macs === 0 ? '' : count(macs),
        ms === null ? '' : ms.toFixed(3),
        ms === null ? (within === undefined ? '' : `in ${lastPart(within)}`) : percent(ms / total.ms),
      ]),
      ['total', '', '', count(total.params), count(total.macs), total.ms.toFixed(3), ''],
    ],
  );
  const left = layers.length - shown.length;
  const notes = [
    ...(batch === 1 ? [] : [`times for ${batch} images at once, MACs for one`]),
    ...(left === 0 ? [] : [`${left} nodes that are computed once, on loading, are left out`]),
  ];
  return [table, ...(notes.length === 0 ? [] : ['', ...notes])].join('\n');
}

function lastPart(name: string): string {
  return name.split('/').at(-1) || name;
}
