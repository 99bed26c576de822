/** The thread of shape-pool.ts: numbers of images to their pixels. */
import { answerJobs } from '../../base/worker-thread.ts';
import { drawerOf, type ShapeSet } from './shape-set.ts';

export interface ShapeJob {
  readonly set: ShapeSet;
  readonly indices: readonly number[];
  readonly labels: readonly number[];
}

/** The images one after another. */
export type ShapeResult = Uint8Array<ArrayBuffer>;

answerJobs<ShapeJob, ShapeResult>(({ set, indices, labels }) => {
  const draw = drawerOf(set);
  const images = indices.map((index, i) => draw(index, labels[i] as number));
  const result = new Uint8Array(images.reduce((sum, image) => sum + image.length, 0));
  let at = 0;
  for (const image of images) {
    result.set(image, at);
    at += image.length;
  }
  return { result, transfer: [result.buffer] };
});
