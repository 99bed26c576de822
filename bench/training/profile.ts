/** Where a step's time goes, as ONNX Runtime's profile says. */
import { serializeModel } from '../../src/onnx/index.ts';
import { Engine } from '../../src/runtime/index.ts';
import type { TrainingOptions } from './options.ts';
import { prepareStep } from './training-step.ts';

const STEPS = 5;

export interface OperatorShare {
  readonly opType: string;
  /** Of the time in all operators, a fraction of 1. */
  readonly share: number;
  readonly nodes: number;
}

/** The kinds of operators that take the most time, the slowest first. */
export async function operatorShares({ batch, threads }: TrainingOptions): Promise<OperatorShare[]> {
  const { step, state, feeds } = prepareStep(batch);
  const engine = new Engine({ workers: 1, threads });
  try {
    const copied = () =>
      Object.fromEntries(
        Object.entries(state).map(([name, { dtype, dims, data }]) => [
          name,
          { dtype, dims, data: (data as Float32Array).slice() },
        ]),
      );
    const timings = await engine.profile(serializeModel(step.model), () => ({ ...feeds(), ...copied() }), STEPS, 'all');
    const total = timings.reduce((sum, { ms }) => sum + ms, 0);
    const types = new Map<string, { ms: number; nodes: number }>();
    for (const { opType, ms } of timings) {
      const before = types.get(opType) ?? { ms: 0, nodes: 0 };
      types.set(opType, { ms: before.ms + ms, nodes: before.nodes + 1 });
    }
    return [...types]
      .map(([opType, { ms, nodes }]) => ({ opType, share: ms / total, nodes }))
      .sort((a, b) => b.share - a.share);
  } finally {
    await engine.close();
  }
}
