/** Which layers are better left in float: those that int8 does not make faster, and those that cost accuracy. */
import { getInt, type Model, type Node } from '../../graph/index.ts';
import {
  layerName,
  planQuantization,
  prepareForQuantization,
  type QuantizeOptions,
  quantizeModel,
  type Ranges,
} from '../../transforms/index.ts';
import type { Meter } from '../meter.ts';

/** Kinds of layers whose int8 kernels are not always faster; each kind is decided on as one. */
export const LAYER_KINDS = ['depthwise', 'grouped', 'first', 'fully-connected'] as const;
export type LayerKind = (typeof LAYER_KINDS)[number];

/** By less the measurement may err. */
const CLEARLY_FASTER = 0.95;
/** More and shorter rounds than usual, since what is compared differs little. */
const TIMING = { rounds: 15, roundMs: 20 } as const;

/** Names by kind; plain convolutions have none, they are faster. */
export function layersByKind(model: Model): ReadonlyMap<LayerKind, readonly string[]> {
  const prepared = prepareForQuantization(model);
  const kinds = new Map<LayerKind, string[]>();
  const { candidates } = planQuantization(prepared);
  for (const [i, node] of candidates.entries()) {
    const kind = kindOf(node, prepared) ?? (i === 0 ? 'first' : undefined);
    if (kind !== undefined) kinds.set(kind, [...(kinds.get(kind) ?? []), layerName(node)]);
  }
  return kinds;
}

function kindOf(node: Node, { graph }: Model): LayerKind | undefined {
  if (node.opType !== 'Conv') return 'fully-connected';
  if (getInt(node, 'group', 1) === 1) return undefined;
  return graph.initializers.get(node.inputs[1] ?? '')?.dims[1] === 1 ? 'depthwise' : 'grouped';
}

/**
 * The layers of those kinds with which the model, all else being int8, takes less time in float: conversions between the
 * two count.
 */
export async function layersFasterInFloat(
  model: Model,
  ranges: Ranges,
  meter: Meter,
  options: QuantizeOptions & { readonly shape?: readonly [number, number, number] } = {},
): Promise<readonly string[]> {
  const { exclude = [], shape, ...bits } = options;
  const timing = { ...TIMING, ...(shape === undefined ? {} : { shape }) };
  const kept = new Set(exclude);
  const found: string[] = [];
  for (const names of layersByKind(model).values()) {
    const more = names.filter((name) => !kept.has(name));
    if (more.length === 0) continue;
    const rounded = quantizeModel(model, ranges, { ...bits, exclude: kept });
    const inFloat = quantizeModel(model, ranges, { ...bits, exclude: [...kept, ...more] });
    const isFaster = async (): Promise<boolean> => {
      const [before = 0, after = 0] = await meter.latenciesMs([rounded, inFloat], timing);
      return after < CLEARLY_FASTER * before;
    };
    // Twice: on a busy machine one time may come out in favour of either.
    if (!(await isFaster()) || !(await isFaster())) continue;
    found.push(...more);
    for (const name of more) kept.add(name);
  }
  return found;
}

/**
 * The fewest layers from the front of `ranked` with which in float the model is good enough, by trying 1, 2, 4, … and
 * halving between the last two; all of them where none but that is.
 * @param isEnough whether the model is good enough with so many in float; more are taken to be no worse
 */
export async function fewestInFloat(
  ranked: readonly string[],
  isEnough: (inFloat: readonly string[]) => Promise<boolean>,
): Promise<readonly string[]> {
  let [tooFew, enough] = [0, ranked.length];
  for (let count = 1; count < ranked.length; count *= 2) {
    if (await isEnough(ranked.slice(0, count))) {
      enough = count;
      break;
    }
    tooFew = count;
  }
  while (enough - tooFew > 1) {
    const middle = (tooFew + enough) >> 1;
    if (await isEnough(ranked.slice(0, middle))) enough = middle;
    else tooFew = middle;
  }
  return ranked.slice(0, enough);
}
