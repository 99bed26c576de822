/**
 * Reverse-mode differentiation of a graph: walks the nodes from the loss back to the values asked for and lets each
 * operator's rule write its part. Only nodes on a path between the two are visited, so that what is frozen costs nothing
 * below it.
 */
import { SkeinError } from '../base/index.ts';
import { describeNode, type Node, usedBy } from '../graph/index.ts';
import { fittedPool } from './fitted-pool.ts';
import { type Gradient, GradientContext, type GradientRule } from './gradient-rule.ts';
import { gradientOf } from './gradient-rules.ts';
import type { GraphWriter } from './graph-writer.ts';
import { beforeSteep } from './steep.ts';
import { Terms } from './terms.ts';

export interface DifferentiateOptions {
  /** Gradients that are known to begin with, by value: 1 for the loss itself. */
  readonly seeds: ReadonlyMap<string, string>;
  /** Values, initializers mostly, whose gradients are asked for. */
  readonly wrt: readonly string[];
  /** Rules that certain nodes have in place of their operator's. */
  readonly rules?: ReadonlyMap<Node, GradientRule>;
}

/**
 * The gradient of each value in `wrt`, by its name; those that the seeds do not depend on are left out.
 * @throws SkeinError 'unsupported' naming the node on the way that cannot be differentiated
 */
export function differentiate(writer: GraphWriter, options: DifferentiateOptions): ReadonlyMap<string, string> {
  const rule = (node: Node): Gradient | undefined => options.rules?.get(node) ?? gradientOf(node);
  for (const node of [...writer.nodes]) writer.replace(node, fittedPool(writer, node));
  const forward = [...writer.nodes];
  const active = dependents(forward, options.wrt, rule);
  const steep = beforeSteep(forward, writer.values, active);
  const parts = new Map<string, string[]>();
  for (const [value, gradient] of options.seeds) parts.set(value, [gradient]);
  for (const node of forward.toReversed()) {
    if (![...usedBy(node)].some((name) => active.has(name))) continue;
    const of = rule(node);
    if (of === 'zero') continue;
    const nodeTerms = new Terms(writer, node);
    const scope = `grad/${node.name || node.opType}`;
    writer.scope(scope, () => {
      const gradients = node.outputs.map((output) => total(parts, output, nodeTerms));
      if (gradients.every((gradient) => gradient === undefined)) return;
      if (of === undefined || of === 'refused') throw refusal(node, of);
      refuseIntegers(node, writer);
      const made = of(new GradientContext(node, writer, gradients, active, steep));
      for (const [i, gradient] of made.entries()) {
        const input = node.inputs[i] ?? '';
        if (gradient === undefined || !active.has(input)) continue;
        const others = parts.get(input);
        if (others === undefined) parts.set(input, [gradient]);
        else others.push(gradient);
      }
    });
  }
  const gradients = new Map<string, string>();
  for (const value of options.wrt) {
    const node = { name: value, opType: 'initializer', outputs: [value] };
    const gradient = total(parts, value, new Terms(writer, node));
    if (gradient !== undefined) gradients.set(value, gradient);
  }
  return gradients;
}

/** The values that depend on `wrt`, themselves included, along edges that a gradient can take. */
function dependents(
  nodes: readonly Node[],
  wrt: readonly string[],
  rule: (node: Node) => Gradient | undefined,
): ReadonlySet<string> {
  const active = new Set(wrt);
  for (const node of nodes) {
    if (rule(node) === 'zero' || ![...usedBy(node)].some((name) => active.has(name))) continue;
    for (const output of node.outputs) if (output !== '') active.add(output);
  }
  return active;
}

/** The sum of what has arrived at a value, written once. */
function total(parts: Map<string, string[]>, value: string, terms: Terms): string | undefined {
  const arrived = parts.get(value);
  if (value === '' || arrived === undefined) return undefined;
  const sum = terms.sum(arrived);
  parts.set(value, [sum]);
  return sum;
}

/** Only rounding itself has a gradient by what it makes: what else works on integers was quantised for good. */
function refuseIntegers(node: Node, writer: GraphWriter): void {
  const dtype = writer.dtype(node.outputs[0] ?? '');
  if (dtype === undefined || !dtype.includes('int') || node.opType === 'QuantizeLinear') return;
  throw new SkeinError(
    'unsupported',
    `Cannot differentiate ${describeNode(node)}: it works on ${dtype} values; take the model from before it was quantised`,
  );
}

function refusal(node: Node, of: 'refused' | undefined): SkeinError {
  const operator = node.domain === '' ? node.opType : `${node.domain}.${node.opType}`;
  const why =
    of === undefined
      ? `'${operator}' is not an operator that Skein knows`
      : `Skein has no gradient for the operator '${operator}'`;
  return new SkeinError(
    'unsupported',
    `Cannot differentiate ${describeNode(node)}: ${why}, and the loss depends on a parameter through it; freeze what lies before it`,
  );
}
