/** What quantisation asks of the graph around a node. */
import {
  constantInitializers,
  consumersOf,
  type Model,
  type Node,
  producersOf,
  type Tensor,
} from '../../graph/index.ts';
import { infer, isConstant } from '../../ops/index.ts';

export interface Surroundings {
  /** Whether the value is a float32 that is not known beforehand. */
  readonly isActivation: (value: string) => boolean;
  /** The float32 constant of this name. */
  readonly floats: (name: string) => Tensor | undefined;
  /** The elements of a small constant. */
  readonly numbers: (name: string) => readonly number[] | undefined;
  readonly producerOf: (value: string) => Node | undefined;
  readonly consumersOf: (value: string) => readonly Node[];
  /** By how many nodes and graph outputs it is used. */
  readonly usesOf: (value: string) => number;
}

export function surroundingsOf(model: Model): Surroundings {
  const { types, values } = infer(model);
  const constants = constantInitializers(model.graph, model.irVersion);
  const producers = producersOf(model.graph);
  const consumers = consumersOf(model.graph);
  const outputs = new Set(model.graph.outputs.map(({ name }) => name));
  return {
    isActivation: (value) => types.get(value)?.dtype === 'float32' && !model.graph.initializers.has(value),
    floats: (name) => {
      const tensor = constants.get(name);
      return tensor?.dtype === 'float32' ? tensor : undefined;
    },
    numbers: (name) => {
      const value = values.get(name);
      return value !== undefined && isConstant(value) ? value.elements.map(Number) : undefined;
    },
    producerOf: (value) => producers.get(value),
    consumersOf: (value) => consumers.get(value) ?? [],
    usesOf: (value) => (consumers.get(value)?.length ?? 0) + (outputs.has(value) ? 1 : 0),
  };
}
