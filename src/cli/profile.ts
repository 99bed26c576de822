/** `skein profile`: a row a layer of one model: shape, parameters, MACs, milliseconds. */
import { Command } from 'commander';
import type { ModelProfile } from '../plan/index.ts';
import { formatShape } from '../tensor/index.ts';
import {
  definedOnly,
  type EngineFlags,
  type ModelOptions,
  type OutputOptions,
  UsageError,
  wholeNumber,
  withAction,
  withEngine,
  withModelOptions,
} from './command.ts';
import { count, formatTable, percent } from './table.ts';

type Options = EngineFlags & ModelOptions & OutputOptions & { batch: number; runs: number };

export function profileCommand(): Command {
  const command = new Command('profile')
    .description('show a row a layer: shape, parameters, MACs, milliseconds')
    .argument('<model>', 'an .onnx file')
    .option('--batch <n>', 'images at a time', wholeNumber(1), 1)
    .option('--runs <n>', 'runs to take the mean of', wholeNumber(1), 50);
  return withAction<Options>(withModelOptions(withEngine(command)), async (output, [path = ''], options) => {
    const { modelsOf, openServable, profileModel } = await import('../plan/index.ts');
    const { Engine } = await import('../runtime/index.ts');
    const { batch, runs, workers = 1, threads, labels, mean, std, shape } = options;
    const { plan } = await openServable(path, definedOnly({ labels, mean, std, shape }));
    const [model, ...others] = [...modelsOf(plan.root)];
    if (model === undefined || others.length > 0) {
      throw new UsageError(`'${path}' is a plan of ${others.length + 1} models: profile one of its .onnx files`);
    }
    const engine = new Engine({ workers, ...definedOnly({ threads }) });
    try {
      const profile = await profileModel(engine, model.node.file, { batch, runs, shape: plan.input.shape });
      output.result(profile, () => describe(profile));
    } finally {
      await engine.close();
    }
  });
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
