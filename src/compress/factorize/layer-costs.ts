/**
 * What a layer costs alone, whole and in parts: MACs counted, milliseconds of one image measured in ONNX Runtime, since
 * fewer MACs in more layers need not be faster. Each distinct shape is timed once.
 */
import { SkeinError } from '../../base/index.ts';
import type { Model } from '../../graph/index.ts';
import { costOf } from '../../ops/index.ts';
import type { Shape } from '../../tensor/index.ts';
import {
  type Factorization,
  partShapes,
  sketchFactorized,
  type WeightLayer,
  weightsOf,
} from '../../transforms/index.ts';
import type { Meter } from '../meter.ts';

export interface LayerCost {
  readonly macs: number;
  /** Of one image on one thread. */
  readonly ms: number;
}

/** Enough to tell a tenth of the time; a layer may have some dozens of candidates. */
const TIMING = { rounds: 5, roundMs: 6 } as const;

/** Weights of sketches that are timed at once, however few the layer has. */
const GROUP_WEIGHTS = 2 ** 20;

export class LayerCosts {
  readonly #meter: Pick<Meter, 'latenciesMs'>;
  readonly #known = new Map<string, LayerCost>();

  constructor(meter: Pick<Meter, 'latenciesMs'>) {
    this.#meter = meter;
  }

  /**
   * Of the layer as it is, then of each way to split it.
   * @param inputDims of one image
   * @throws SkeinError 'cancelled' on the signal
   */
  async of(
    model: Model,
    layer: WeightLayer,
    inputDims: Shape,
    factorizations: readonly Factorization[],
    signal?: AbortSignal,
  ): Promise<readonly LayerCost[]> {
    const whole = JSON.stringify([layer.node.opType, layer.dims, inputDims, attributesOf(layer)]);
    const keyOf = ({ kind, ranks }: Factorization): string => `${whole} ${kind} ${ranks.join()}`;
    const unknown = factorizations.filter((each) => !this.#known.has(keyOf(each)));
    const groups = inGroups(layer, unknown);
    if (groups.length === 0 && !this.#known.has(whole)) groups.push([]);
    const alone = isolated(model, layer, inputDims);
    for (const group of groups) {
      if (signal?.aborted) throw new SkeinError('cancelled', 'Stopped while a layer was measured');
      // The layer as it is takes part each time: what else the machine does meets it as it meets its parts.
      const sketches = group.map((each) => sketchFactorized(alone, new Map([[layer.name, each]])));
      const models = [alone, ...sketches];
      const times = await this.#meter.latenciesMs(models, TIMING);
      const scale = (this.#known.get(whole)?.ms ?? (times[0] as number)) / (times[0] as number);
      for (const [i, key] of [whole, ...group.map(keyOf)].entries()) {
        this.#known.set(key, { macs: costOf(models[i] as Model).macs, ms: (times[i] as number) * scale });
      }
    }
    return [whole, ...factorizations.map(keyOf)].map((key) => this.#known.get(key) as LayerCost);
  }
}

/** In the same order, each group with about as many weights as the layer itself, so that memory holds them all at once. */
function inGroups(
  { dims: [out, channels, height, width] }: WeightLayer,
  factorizations: readonly Factorization[],
): Factorization[][] {
  const kernel = { out, in: channels, height, width };
  const room = Math.max(weightsOf([kernel]), GROUP_WEIGHTS);
  const groups: Factorization[][] = [];
  let left = 0;
  for (const factorization of factorizations) {
    const weights = weightsOf(partShapes(factorization, kernel));
    if (groups.length === 0 || weights > left) {
      groups.push([]);
      left = room;
    }
    groups.at(-1)?.push(factorization);
    left -= weights;
  }
  return groups;
}

/** The layer as a model of its own for one image. */
function isolated(model: Model, { node, name }: WeightLayer, inputDims: Shape): Model {
  const [input = '', ...parameters] = node.inputs;
  const initializers = new Map(
    parameters.flatMap((each) => {
      const tensor = model.graph.initializers.get(each);
      return tensor === undefined ? [] : [[each, tensor] as const];
    }),
  );
  // A bias that is no constant is left out.
  const inputs = [input, ...parameters.map((each) => (initializers.has(each) ? each : ''))];
  return {
    ...model,
    functions: [],
    trainingInfos: [],
    graph: {
      name: 'layer',
      inputs: [{ name: input, type: { dtype: 'float32', dims: [...inputDims] } }],
      outputs: [{ name: node.outputs[0] ?? '', type: { dtype: 'float32', dims: undefined } }],
      initializers,
      sparseInitializers: new Map(),
      nodes: [{ ...node, name, inputs }],
      valueInfos: new Map(),
    },
  };
}

function attributesOf({ node }: WeightLayer): readonly (readonly [string, string])[] {
  const text = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value);
  return [...node.attributes].map(([key, value]) => [key, JSON.stringify(value, text)] as const).sort();
}
