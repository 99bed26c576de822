/**
 * `skein profile`: a row a layer of one model, or a row a model of a plan of several: shape, parameters, MACs,
 * milliseconds.
 */
import { basename } from 'node:path';
import { Command } from 'commander';
import type { ModelProfile, Plan, PlanProfile } from '../plan/index.ts';
import { formatShape } from '../tensor/index.ts';
import { definedOnly, type OutputOptions, wholeNumber, withAction, withShape, withThreads } from './command.ts';
import { bytes, count, formatTable, numberOf, percent } from './table.ts';

interface Options extends OutputOptions {
  readonly batch: number;
  readonly runs: number;
  readonly threads?: number;
  readonly shape?: number[];
}

export function profileCommand(): Command {
  const command = new Command('profile')
    .description('show a row a layer, or a row a model of a plan of several: shape, parameters, MACs, milliseconds')
    .argument('<model>', 'an .onnx or .skz file, a plan.json, or a folder that holds one')
    .option('--batch <n>', 'images at a time', wholeNumber(1), 1)
    .option('--runs <n>', 'runs to take the mean of', wholeNumber(1), 50);
  return withAction<Options>(withShape(withThreads(command)), async (output, [path = ''], options) => {
    const { isPlanPath, modelsOf, openServable, profileModel, profilePlan } = await import('../plan/index.ts');
    const { Engine } = await import('../runtime/index.ts');
    const { batch, runs, threads, shape } = options;
    const plan = (await isPlanPath(path)) ? (await openServable(path, definedOnly({ shape }))).plan : undefined;
    const [first, ...others] = plan === undefined ? [] : [...modelsOf(plan.root)];
    const engine = new Engine({ workers: 1, ...definedOnly({ threads }) });
    try {
      if (plan !== undefined && others.length > 0) {
        const profile = await profilePlan(engine, plan, { batch, runs });
        output.result(profile, () => describePlan(plan, profile));
        return;
      }
      const known = definedOnly({ shape: plan?.input.shape ?? shape });
      const profile = await profileModel(engine, first?.node.file ?? path, { batch, runs, ...known });
      output.result(profile, () => describe(profile));
    } finally {
      await engine.close();
    }
  });
}

function describePlan({ name }: Plan, { models, total, parallel, batch }: PlanProfile): string {
  const right = 'right' as const;
  const table = formatTable(
    [
      { title: 'model' },
      { title: 'file' },
      { title: 'parameters', align: right },
      { title: 'MACs', align: right },
      { title: 'size', align: right },
      { title: 'ms', align: right },
      { title: 'share', align: right },
    ],
    [
      ...models.map((model) => [
        model.path,
        basename(model.file),
        count(model.params),
        count(model.macs),
        bytes(model.bytes),
        model.ms.toFixed(3),
        percent(model.ms / total.ms),
      ]),
      ['total', '', count(total.params), count(total.macs), '', total.ms.toFixed(3), ''],
    ],
  );
  const notes = parallel.flatMap(({ path, slowest, combinationMs, criticalPathMs, onWorkers }) => [
    '',
    `${path} waits for ${slowest}, its slowest part: ${criticalPathMs.toFixed(3)} ms where each part has a core, ${combinationMs.toFixed(3)} ms of it to join their answers`,
    ...onWorkers.map(({ workers, ms }) => `  ${ms.toFixed(3)} ms on ${numberOf(workers, 'worker')}, longest first`),
  ]);
  const images = batch === 1 ? 'one image' : `${batch} images at once, MACs for one`;
  return [`${name}: each model by itself, ${images}`, '', table, ...notes].join('\n');
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
