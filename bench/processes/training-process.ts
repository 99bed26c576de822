/** Training steps of ResNet-20 as `skein train` runs them, on one batch that lies ready. Arguments: batch, threads. */
import { serializeModel } from '../../src/onnx/index.ts';
import { StateEngine } from '../../src/runtime/index.ts';
import { nextOf } from '../../src/train/index.ts';
import { prepareStep } from '../training/training-step.ts';
import { answerSeconds } from './answer-seconds.ts';

const [batch = 0, threads = 0] = process.argv.slice(2).map(Number);
const { step, state, feeds } = prepareStep(batch);
const engine = new StateEngine({ threads });
const model = await engine.load(serializeModel(step.model));
await engine.put(state);
const keep = Object.fromEntries(step.state.map(({ name }) => [name, nextOf(name)]));
let next = feeds();

await answerSeconds('Skein', async () => {
  const sizes = Object.values(next).map(({ data }) => (data as Float32Array).buffer.byteLength);
  const { outputs, buffers } = await model.run(next, keep);
  // What moved to the thread has come back: the same batch again.
  const [images, labels] = sizes.map((size) => buffers.find(({ byteLength }) => byteLength === size));
  next = feeds(new Float32Array(images as ArrayBuffer), new BigInt64Array(labels as ArrayBuffer));
  return Number(outputs.loss?.data[0]);
});
await engine.close();
