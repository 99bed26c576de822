/** The parts of a plan in int8, each calibrated and judged by what it has to tell apart. What joins them stays. */
import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Meter, quantizeToDrop } from '../../src/compress/index.ts';
import { ClassView, evenOrder, openData, withDescription } from '../../src/data/index.ts';
import type { Model } from '../../src/graph/index.ts';
import { readModel, writeModel } from '../../src/onnx/index.ts';
import { type ParallelNode, type ParallelPart, readPlan, savePlan } from '../../src/plan/index.ts';
import { fold, recombineClasses, runPasses } from '../../src/transforms/index.ts';
import type { Log } from '../recipes/make-once.ts';
import type { RecipeOptions } from '../recipes/options.ts';

/** Of a part's own accuracy, as `skein quantize` has it unless told. */
const MAX_DROP = 0.003;

/** @param from the folder of a plan whose root is `parallel`, of models. @param to that of the new one */
export async function int8Parts(from: string, to: string, { data, limit }: RecipeOptions, log: Log): Promise<void> {
  const plan = await readPlan(join(from, 'plan.json'));
  const { root, input } = plan;
  if (root.kind !== 'parallel') throw new Error(`'${from}' must be a plan of parts`);
  const training = await openData(join(data, 'train.tar'), limit === undefined ? {} : { limit });
  const heldOut = await openData(join(data, 'val.tar'));
  const meter = new Meter();
  const made = `${to}.steps`;
  try {
    for (const each of [made, to]) await rm(each, { recursive: true, force: true });
    await mkdir(made);
    const parts: ParallelPart[] = [];
    for (const part of root.parts) {
      if (part.node.kind !== 'model') throw new Error(`the parts of '${from}' must be models`);
      const { classes, node } = part;
      const outcome = await quantizeToDrop(
        await withTwoScores(node.file),
        {
          ...{ meter, preprocessing: input },
          training: new ClassView(training, classes),
          heldOut: new ClassView(heldOut, classes, evenOrder(new ClassView(heldOut, classes).labels)),
        },
        { method: 'mse', maxDrop: MAX_DROP },
      );
      const inFloat = outcome.layers.filter((layer) => layer.inFloat !== undefined).length;
      log(`  ${basename(node.file)}: int8, ${inFloat} of ${outcome.layers.length} layers in float`);
      const file = join(made, basename(node.file));
      const labels = new ClassView(heldOut, classes).classNames;
      await writeModel(withDescription(outcome.model, { labels, preprocessing: input }), file);
      parts.push({ ...part, node: { kind: 'model', file } });
    }
    const quantized: ParallelNode = { ...root, parts };
    await savePlan({ ...plan, root: quantized }, to);
    await rm(made, { recursive: true });
  } finally {
    await meter.close();
    await training.close();
    await heldOut.close();
  }
}

/** One logit z for yes or no as the two scores [0, z], since accuracy wants one for each class. */
async function withTwoScores(file: string): Promise<Model> {
  const model = runPasses(await readModel(file), [fold]).model;
  return model.graph.outputs[0]?.type?.dims?.[1] === 1 ? recombineClasses(model, [[0], [1]]) : model;
}
