/** `skein evaluate`: accuracy, latency, throughput and size of a model or plan. */
import { Command } from 'commander';
import type { Dataset } from '../data/index.ts';
import type { EvaluateReport, Servable } from '../plan/index.ts';
import {
  type DataOptions,
  definedOnly,
  type EngineFlags,
  type ModelOptions,
  type OutputOptions,
  skippedLine,
  withAction,
  withData,
  withEngine,
  withModelOptions,
} from './command.ts';
import { noteGuess, originLine } from './origin.ts';
import { bytes, count, formatTable, ms, percent } from './table.ts';

type Options = DataOptions & EngineFlags & ModelOptions & OutputOptions;

export function evaluateCommand(): Command {
  const command = new Command('evaluate')
    .description('measure accuracy, latency, throughput and size')
    .argument('<model>', 'an .onnx or .skz file, a plan.json, or a folder that holds one');
  return withAction<Options>(withModelOptions(withEngine(withData(command))), async (output, [path = ''], options) => {
    const { openData } = await import('../data/index.ts');
    const { evaluate, openServable } = await import('../plan/index.ts');
    const { Engine } = await import('../runtime/index.ts');
    const { data: source, split, limit, seed, workers, threads, labels, mean, std, shape } = options;
    const servable = await openServable(path, definedOnly({ labels, mean, std, shape }));
    noteGuess(servable, output.warn);
    const data = await openData(source, {
      ...definedOnly({ split, limit }),
      seed,
      preferredSplits: ['test', 'val', 'train'],
    });
    const engine = new Engine(definedOnly({ workers, threads }));
    const progress = output.progress('images', data.size);
    try {
      const report = await evaluate(engine, servable.plan, data, { onProgress: progress.update });
      progress.end();
      if (data.skipped > 0) output.warn(skippedLine(data));
      output.result(report, () => describe(servable, data, report));
    } finally {
      progress.end();
      await engine.close();
      await data.close();
    }
  });
}

function describe(servable: Servable, data: Dataset, report: EvaluateReport): string {
  const { plan } = servable;
  const { latencyMs, nodes } = report;
  const lines = [
    `${plan.name} on ${data.source}${data.split === undefined ? '' : ` (${data.split})`}, ${report.samples} images`,
    '',
    `accuracy    top-1 ${percent(report.top1, 2)}, top-5 ${percent(report.top5, 2)}`,
    `latency     p50 ${ms(latencyMs.p50)}, p90 ${ms(latencyMs.p90)}, p99 ${ms(latencyMs.p99)} (one image at a time)`,
    `throughput  ${Math.round(report.throughput)} images/s (batches of ${report.batch})`,
    `size        ${count(report.params)} parameters, ${count(report.macs)} MACs an image, ${bytes(report.bytes)}`,
  ];
  if (nodes.length > 1) {
    const right = 'right' as const;
    lines.push(
      '',
      formatTable(
        [
          { title: 'model' },
          { title: 'share', align: right },
          { title: 'parameters', align: right },
          { title: 'MACs', align: right },
          { title: 'size', align: right },
          { title: 'one image', align: right },
        ],
        nodes.map((node) => [
          node.path,
          percent(node.share),
          count(node.params),
          count(node.macs),
          bytes(node.bytes),
          ms(node.latencyMs),
        ]),
      ),
    );
  }
  for (const { path, slowest, combinationMs, criticalPathMs } of report.parallel ?? []) {
    const share = path === 'root' ? '' : `, of ${path},`;
    const combined = `${ms(combinationMs)} of it join the parts' answers`;
    lines.push('', `critical path${share} ${ms(criticalPathMs)}: ${slowest} is the slowest part, ${combined}`);
  }
  if (servable.preprocessingFrom !== 'plan') lines.push('', originLine(servable));
  return lines.join('\n');
}
