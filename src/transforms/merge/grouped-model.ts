/**
 * Several classifiers of one architecture as one model, operator by operator: what k convolutions of the parts do, one
 * convolution of k groups does over their channels together. Parts may have other widths, as when each was pruned for its own
 * classes: groups are as wide as the widest part, with weights of 0 for what a part does not have, so that each score is
 * the sum of the same products. How all see one image and each has its own weights, as ResNeXt's groups do (Xie et al. 2017).
 */
import { SkeinError } from '../../base/index.ts';
import type { Model, Node } from '../../graph/index.ts';
import { liftWeights } from '../../ops/index.ts';
import { fold } from '../fold.ts';
import { foldBatchNorm } from '../fold-batch-norm.ts';
import { runPasses } from '../pass.ts';
import { groupRuleOf } from './group-rules.ts';
import { GroupStep } from './group-step.ts';
import { inARow } from './layout.ts';
import { type MergedPart, type MergedValue, MergeWriter, partsOf } from './merge-writer.ts';

/**
 * The scores of all models, one behind the other, as 'scores' [batch, how many]; each what its model says, but for rounding.
 * Of the models the first output counts.
 * @throws SkeinError 'unsupported' where the models do not take the same images, or their operators do not correspond to each
 * other or cannot be done together, naming the first
 */
export function groupedModel(models: readonly Model[]): Model {
  const prepared = models.map((model) => runPasses(liftWeights(withFirstOutput(model)), [fold, foldBatchNorm]).model);
  const parts = partsOf(prepared);
  const writer = new MergeWriter(parts);
  const first = parts[0] as MergedPart;
  const values = new Map<string, MergedValue>([[first.input.name, { name: writer.input, layout: undefined }]]);
  const counterparts = parts.map(({ input }) => new Map([[first.input.name, input.name]]));
  const count = first.model.graph.nodes.length;
  for (const [part, { model }] of parts.entries()) {
    if (model.graph.nodes.length === count) continue;
    throw new SkeinError(
      'unsupported',
      `Cannot group the parts: part ${part + 1} has ${model.graph.nodes.length} operators, the first one ${count}`,
    );
  }
  for (const i of first.model.graph.nodes.keys()) {
    const nodes = parts.map(({ model }) => model.graph.nodes[i] as Node);
    const step = new GroupStep(writer, parts, nodes, values);
    requireCounterparts(step, parts, counterparts);
    for (const [name, value] of onceForAll(step, values) ?? grouped(step)) values.set(name, value);
  }
  return fold.apply(writer.build(scoresOf(writer, parts, values.get(first.output)))).model;
}

function withFirstOutput(model: Model): Model {
  return { ...model, graph: { ...model.graph, outputs: model.graph.outputs.slice(0, 1) } };
}

/** @throws where the operators are of other kinds, or do not read what corresponds to each other */
function requireCounterparts(
  step: GroupStep,
  parts: readonly MergedPart[],
  counterparts: readonly Map<string, string>[],
): void {
  const { node } = step;
  for (const [part, other] of step.nodes.entries()) {
    if (other.opType !== node.opType || other.domain !== node.domain) {
      step.unlike(`part ${part + 1} has ${other.opType} there`);
    }
    const length = Math.max(node.inputs.length, other.inputs.length);
    for (let i = 0; i < length; i++) {
      const [name, own] = [node.inputs[i] ?? '', other.inputs[i] ?? ''];
      const expected = counterparts[part]?.get(name);
      // Constants are held against each other by the rules, which know whether they may differ.
      const bothConstant = parts[0]?.constants.has(name) && parts[part]?.constants.has(own);
      if (expected === own || bothConstant || (name === '' && own === '')) continue;
      step.unlike(`input ${i} of part ${part + 1} is something else`);
    }
    for (const [o, name] of node.outputs.entries()) counterparts[part]?.set(name, other.outputs[o] ?? '');
  }
}

/** What all parts do alike to what all have alike (the image normalised, say) is done once; undefined where it is not so. */
function onceForAll(
  step: GroupStep,
  values: ReadonlyMap<string, MergedValue>,
): readonly (readonly [string, MergedValue])[] | undefined {
  const { node, writer } = step;
  const inputs = node.inputs.map((name, i) => {
    const value = values.get(name);
    if (value !== undefined) return value.layout === undefined ? value.name : undefined;
    return step.isSameConstant(i) ? step.sameConstant(i) : undefined;
  });
  if (!inputs.every((name) => name !== undefined) || !step.hasSameAttributes()) return undefined;
  const outputs = node.outputs.map((name) => (name === '' ? '' : writer.freshName(`common.${name}`)));
  writer.add({ ...node, inputs, outputs });
  return node.outputs.map((name, o) => [name, { name: outputs[o] as string, layout: undefined }] as const);
}

function grouped(step: GroupStep): readonly (readonly [string, MergedValue])[] {
  const { node } = step;
  const rule = groupRuleOf(node);
  if (rule === undefined) return step.unlike('there is no rule for this operator');
  if (node.outputs.slice(1).some((name) => name !== '')) return step.unlike('it has more than one output');
  return [[node.outputs[0] ?? '', rule(step)]];
}

/** The value with the scores of each part behind those of the one before. */
function scoresOf(writer: MergeWriter, parts: readonly MergedPart[], scores: MergedValue | undefined): string {
  if (scores === undefined) throw new SkeinError('unsupported', 'Cannot group the parts: their scores are constants');
  if (parts.length === 1) return scores.name;
  if (scores.layout === undefined)
    return writer.op(
      'Concat',
      parts.map(() => scores.name),
      { axis: 1 },
    );
  return writer.relaid(scores, inARow(parts.map(({ width }) => width)), 'grouped.scores');
}
