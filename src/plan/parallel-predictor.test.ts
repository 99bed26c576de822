import { describe, expect, it } from 'vitest';
import { fakeModel, image } from '../../test/fake-model.ts';
import { predictorContract } from '../../test/predictor-contract.ts';
import type { Timer } from '../base/index.ts';
import { SkeinError } from '../base/index.ts';
import { CascadePredictor } from './cascade-predictor.ts';
import { probabilitiesOf } from './confidence.ts';
import { ModelPredictor } from './model-predictor.ts';
import { ParallelPredictor } from './parallel-predictor.ts';
import type { ParallelFields } from './plan.ts';
import type { ImageBatch, PredictContext, Predictor, ScoreScale, Scores } from './predictor.ts';

/** A part whose answers the test gives, when it wants to. */
class HandMade implements Predictor {
  readonly kind = 'model';
  readonly children = [];
  readonly rows = 0;
  readonly classes: number;
  readonly scale: ScoreScale;
  readonly path: string;
  readonly ms: number;
  asked: { readonly batch: ImageBatch; readonly context: PredictContext | undefined }[] = [];
  #settle: { resolve: (scores: Scores) => void; reject: (reason: unknown) => void }[] = [];

  constructor(path: string, classes: number, { scale = 'logits' as ScoreScale, ms = 0 } = {}) {
    this.path = path;
    this.classes = classes;
    this.scale = scale;
    this.ms = ms;
  }

  expectedMs(rows: number): number {
    return this.ms * rows;
  }

  predict(batch: ImageBatch, context?: PredictContext): Promise<Scores> {
    this.asked.push({ batch, context });
    return new Promise((resolve, reject) => this.#settle.push({ resolve, reject }));
  }

  /** Answers the oldest request that waits. */
  answer(...scores: number[]): void {
    const count = scores.length / this.classes;
    this.#settle
      .shift()
      ?.resolve({ count, data: Float32Array.from(scores), answeredBy: new Array<string>(count).fill(this.path) });
  }

  fail(reason: unknown): void {
    this.#settle.shift()?.reject(reason);
  }
}

const part = (index: number, classes: number, options?: { scale?: ScoreScale; ms?: number }) =>
  new HandMade(`root.parallel.${index}`, classes, options);
const batch: ImageBatch = { count: 1, data: Float32Array.of(1, 2, 3) };
const fieldsOf = (
  parts: readonly [Predictor, readonly number[], { scale?: number[]; bias?: number[] }?][],
  other: 'subtracted' | 'dropped' = 'subtracted',
): ParallelFields<Predictor> => ({
  other,
  parts: parts.map(([node, classes, calibration]) => ({ classes, ...calibration, node })),
});
const probabilities = ({ data }: Scores, classes: number, row = 0) =>
  [...probabilitiesOf(data, row * classes, classes, 'logits')].map((p) => Number(p.toFixed(6)));
/** A timer that the test fires. */
const handTimer = () => {
  const running = new Set<() => void>();
  const timer: Timer = (_, callback) => {
    running.add(callback);
    return () => running.delete(callback);
  };
  const fire = () => {
    for (const callback of [...running]) callback();
  };
  return { timer, running, fire };
};
const soon = () => new Promise((resolve) => setImmediate(resolve));

describe('ParallelPredictor', () => {
  // Row [a, b, c] → [other, two classes].
  const fake = (path: string, gain: number) => new ModelPredictor(path, fakeModel(gain));
  describe('of two models', () =>
    predictorContract(async () => ({
      predictor: new ParallelPredictor(
        'root',
        fieldsOf([
          [fake('root.parallel.0', 1), [0, 3]],
          [fake('root.parallel.1', -2), [1, 2]],
        ]),
        4,
      ),
      image,
    })));
  describe('of a model and a cascade', () =>
    predictorContract(async () => ({
      predictor: new ParallelPredictor(
        'root',
        fieldsOf([
          [fake('root.parallel.0', 1), [0, 1]],
          [
            new CascadePredictor(
              'root.parallel.1',
              fake('root.parallel.1.cascade.small', 1),
              fake('root.parallel.1.cascade.big', 2),
              0.8,
            ),
            [2, 3],
          ],
        ]),
        4,
      ),
      image,
    })));

  it('concatenates log odds against "other", scaled and shifted, in the order of the labels', async () => {
    const [first, second] = [part(0, 3), part(1, 2)];
    const parallel = new ParallelPredictor(
      'root',
      fieldsOf([
        [first, [0, 2], { scale: [2, 0.5], bias: [0, 1] }],
        [second, [1]],
      ]),
      3,
    );
    const predicted = parallel.predict({ count: 2, data: new Float32Array(6) });
    first.answer(1, 4, 3, /**/ 0, -1, -2);
    second.answer(0, 7, /**/ 2, 1);
    const scores = await predicted;
    // 2 · (4 − 1), 7 − 0, 0.5 · (3 − 1) + 1; 2 · −1, 1 − 2, 0.5 · −2 + 1
    expect([...scores.data]).toEqual([6, 7, 2, -2, -1, 0]);
    expect(scores.answeredBy).toEqual(['root', 'root']);
    expect(scores).not.toHaveProperty('late');
    expect([parallel.scale, parallel.classes, parallel.rows]).toEqual(['logits', 3, 2]);
  });

  it('leaves "other" out where it is dropped', async () => {
    const [first, second] = [part(0, 3), part(1, 2)];
    const parallel = new ParallelPredictor(
      'root',
      fieldsOf(
        [
          [first, [0, 2]],
          [second, [1]],
        ],
        'dropped',
      ),
      3,
    );
    const predicted = parallel.predict(batch);
    first.answer(100, 4, 3);
    second.answer(-100, 7);
    expect([...(await predicted).data]).toEqual([4, 7, 3]);
  });

  it('takes the logarithm of probabilities: σ(z) gives back z', async () => {
    const parts = [part(0, 2, { scale: 'probabilities' }), part(1, 2, { scale: 'probabilities' }), part(2, 2)];
    const parallel = new ParallelPredictor('root', fieldsOf(parts.map((each, index) => [each, [index]])), 3);
    const predicted = parallel.predict(batch);
    parts[0]?.answer(0.2, 0.8); // log 4
    parts[1]?.answer(1, 0);
    parts[2]?.answer(0, Math.log(12));
    const scores = await predicted;
    expect(scores.data[0]).toBeCloseTo(Math.log(4), 6);
    // What has no probability is as far as float32 goes, and no −∞.
    expect(scores.data[1]).toBeCloseTo(-126 * Math.LN2, 4);
    expect(probabilities(scores, 3)).toEqual([0.25, 0, 0.75]);
  });

  it('starts the parts longest first, unknown ones before, equal ones in the order of the plan', async () => {
    const order: string[] = [];
    const parts = [1, 5, 3, 5, 0].map((ms, index) => {
      const each = part(index, 2, { ms });
      const ask = each.predict.bind(each);
      each.predict = (...args) => {
        order.push(each.path);
        return ask(...args);
      };
      return each;
    });
    const parallel = new ParallelPredictor('root', fieldsOf(parts.map((each, index) => [each, [index]])), 5);
    const predicted = parallel.predict(batch);
    for (const each of parts) each.answer(0, 1);
    await predicted;
    expect(order).toEqual([4, 1, 3, 2, 0].map((index) => `root.parallel.${index}`));
    // All of them are work, whichever runs where.
    expect(parallel.expectedMs(2)).toBe(28);
  });

  it('fails with the reason of the part that failed, once no part reads the batch any more', async () => {
    const [first, second] = [part(0, 2), part(1, 2)];
    const parallel = new ParallelPredictor(
      'root',
      fieldsOf([
        [first, [0]],
        [second, [1]],
      ]),
      2,
    );
    let settled = false;
    const predicted = parallel.predict(batch).finally(() => {
      settled = true;
    });
    predicted.catch(() => {});
    const reason = new SkeinError('internal', 'broken');
    second.fail(reason);
    await soon();
    expect(settled).toBe(false);
    // What has not begun need not.
    expect(first.asked[0]?.context?.signal?.aborted).toBe(true);
    first.fail(new SkeinError('cancelled', 'not needed'));
    await expect(predicted).rejects.toBe(reason);
    expect(parallel.rows).toBe(0);
  });

  it('passes deadline, priority and the signal of the client on', async () => {
    const only = part(0, 3);
    const parallel = new ParallelPredictor('root', fieldsOf([[only, [0, 1]]]), 2);
    const signal = { aborted: false };
    const predicted = parallel.predict(batch, { deadline: 5, priority: 2, signal });
    const context = only.asked[0]?.context;
    expect(context).toMatchObject({ deadline: 5, priority: 2 });
    expect(context?.signal?.aborted).toBe(false);
    signal.aborted = true;
    expect(context?.signal?.aborted).toBe(true);
    only.answer(0, 1, 2);
    await predicted;
  });

  it('tells how long each part took', async () => {
    const [first, second] = [part(0, 2), part(1, 2)];
    const told: [string, number][] = [];
    let now = 100;
    const observer = {
      clock: { now: () => now },
      answered: (path: string, ms: number) => void told.push([path, ms]),
      failed: () => {},
    };
    const parallel = new ParallelPredictor(
      'root',
      fieldsOf([
        [first, [0]],
        [second, [1]],
      ]),
      2,
      { observer },
    );
    const predicted = parallel.predict(batch);
    now = 103;
    second.answer(0, 1);
    await soon();
    now = 110;
    first.answer(0, 1);
    await predicted;
    expect(told).toEqual([
      ['root.parallel.1', 3],
      ['root.parallel.0', 10],
    ]);
  });

  describe('with a straggler policy', () => {
    const late = (priors?: number[]) => {
      const clock = handTimer();
      const parts = [part(0, 3), part(1, 2), part(2, 2)] as const;
      const [a, b, c] = parts;
      const fields = {
        ...fieldsOf([
          [a, [0, 2]],
          [b, [1]],
          [c, [3]],
        ]),
        ...(priors && { priors }),
      };
      const parallel = new ParallelPredictor('root', fields, 4, { straggler: { afterMs: 20, timer: clock.timer } });
      return { parallel, clock, parts };
    };

    it('gives the classes of late parts their priors, and shares the rest among the others', async () => {
      const { parallel, clock, parts } = late([0.3, 0.1, 0.4, 0.2]);
      const predicted = parallel.predict(batch);
      parts[0].answer(0, Math.log(3), 0);
      parts[2].answer(1, 1 + Math.log(4));
      await soon();
      clock.fire();
      const scores = await predicted;
      // 0.9 · (3, 1, 4) / 8 for those that answered
      expect(probabilities(scores, 4)).toEqual([0.3375, 0.1, 0.1125, 0.45]);
      expect(scores.late).toEqual(['root.parallel.1']);
      expect(parallel.rows).toBe(1);
      // Nobody needs it any more.
      expect(parts[1].asked[0]?.context?.signal?.aborted).toBe(true);
      parts[1].answer(0, 100);
      await soon();
      expect(probabilities(scores, 4)).toEqual([0.3375, 0.1, 0.1125, 0.45]);
    });

    it('takes uniform priors unless told', async () => {
      const { parallel, clock, parts } = late();
      const predicted = parallel.predict(batch);
      parts[1].answer(0, 5);
      await soon();
      clock.fire();
      const scores = await predicted;
      expect(probabilities(scores, 4)).toEqual([0.25, 0.25, 0.25, 0.25]);
      expect(scores.late).toEqual(['root.parallel.0', 'root.parallel.2']);
    });

    it('waits on while no part has answered, and then no longer', async () => {
      const { parallel, clock, parts } = late();
      let scores: Scores | undefined;
      void parallel.predict(batch).then((answer) => {
        scores = answer;
      });
      clock.fire();
      await soon();
      expect(scores).toBeUndefined();
      parts[2].answer(0, 1);
      await soon();
      expect(scores?.late).toEqual(['root.parallel.0', 'root.parallel.1']);
    });

    it('is whole where all parts are in time, and stops the timer', async () => {
      const { parallel, clock, parts } = late();
      const predicted = parallel.predict(batch);
      parts[0].answer(0, 1, 2);
      parts[1].answer(0, 3);
      expect(clock.running.size).toBe(1);
      parts[2].answer(0, 4);
      const scores = await predicted;
      expect([...scores.data]).toEqual([1, 3, 2, 4]);
      expect(scores).not.toHaveProperty('late');
      expect(clock.running.size).toBe(0);
    });

    it('does not hide a part that fails', async () => {
      const { parallel, clock, parts } = late();
      const predicted = parallel.predict(batch);
      predicted.catch(() => {});
      parts[0].answer(0, 1, 2);
      const reason = new SkeinError('internal', 'broken');
      parts[1].fail(reason);
      await soon();
      clock.fire();
      await expect(predicted).rejects.toBe(reason);
    });

    it('tells of a late part that fails after the answer, and not of one that was only called off', async () => {
      const clock = handTimer();
      const parts = [part(0, 2), part(1, 2), part(2, 2)] as const;
      const told: [string, string][] = [];
      const parallel = new ParallelPredictor('root', fieldsOf(parts.map((each, index) => [each, [index]])), 3, {
        straggler: { afterMs: 20, timer: clock.timer },
        observer: {
          clock: { now: () => 0 },
          answered: () => {},
          failed: (path, { message }) => void told.push([path, message]),
        },
      });
      const predicted = parallel.predict(batch);
      parts[0].answer(0, 1);
      await soon();
      clock.fire();
      expect((await predicted).late).toEqual(['root.parallel.1', 'root.parallel.2']);
      parts[1].fail(new SkeinError('internal', 'broken'));
      parts[2].fail(new SkeinError('cancelled', 'not needed'));
      await soon();
      expect(told).toEqual([['root.parallel.1', 'broken']]);
    });

    it('counts a part that cannot be in time for the deadline as late', async () => {
      const { parallel, clock, parts } = late([0.3, 0.1, 0.4, 0.2]);
      const predicted = parallel.predict(batch, { deadline: 50 });
      parts[1].fail(new SkeinError('deadline-exceeded', 'it needs 60 ms'));
      await soon();
      // The others are still wanted.
      expect(parts[0].asked[0]?.context?.signal?.aborted).toBe(false);
      parts[0].answer(0, Math.log(3), 0);
      parts[2].answer(1, 1 + Math.log(4));
      const scores = await predicted;
      expect(probabilities(scores, 4)).toEqual([0.3375, 0.1, 0.1125, 0.45]);
      expect(scores.late).toEqual(['root.parallel.1']);
      expect(clock.running.size).toBe(0);
    });

    it('fails where no part can be in time', async () => {
      const { parallel, parts } = late();
      const predicted = parallel.predict(batch, { deadline: 50 });
      predicted.catch(() => {});
      for (const each of parts) each.fail(new SkeinError('deadline-exceeded', `${each.path} needs 60 ms`));
      await expect(predicted).rejects.toThrow('root.parallel.0 needs 60 ms');
    });

    it('is told of by every node above: what is late below may still read the batch', async () => {
      const clock = handTimer();
      const straggler = { afterMs: 20, timer: clock.timer };
      const [a, b] = ['0', '1'].map((place) => new HandMade(`root.parallel.0.parallel.${place}`, 2)) as [
        HandMade,
        HandMade,
      ];
      const c = part(1, 2);
      const inner = new ParallelPredictor(
        'root.parallel.0',
        fieldsOf([
          [a, [0]],
          [b, [1]],
        ]),
        2,
        { straggler },
      );
      // Scores [other, class 0] for the node above.
      const outer = new ParallelPredictor(
        'root',
        fieldsOf([
          [inner, [0]],
          [c, [1]],
        ]),
        2,
        { straggler },
      );
      const predicted = outer.predict(batch);
      a.answer(0, 1);
      c.answer(0, 2);
      await soon();
      // One after another, as the timers of a process fire: a part of parts has its turn to answer with what it has.
      for (const fire of [...clock.running]) {
        fire();
        await soon();
      }
      const scores = await predicted;
      expect(scores.late).toEqual(['root.parallel.0.parallel.1']);
      // a: 1 of its class 0 against uniform priors: [½, ½], so that log odds are 0.
      expect(probabilities(scores, 2)).toEqual(
        [...probabilitiesOf(Float32Array.of(0, 2), 0, 2, 'logits')].map((p) => Number(p.toFixed(6))),
      );
    });

    it('is told of by a cascade that asked the node', async () => {
      const { parallel, clock, parts } = late();
      const small = part(9, 4);
      const cascade = new CascadePredictor('root', small, parallel, 0.9);
      const predicted = cascade.predict({ count: 2, data: new Float32Array(2) });
      small.answer(0, 0, 0, 0, /**/ 0, 20, 0, 0);
      await soon();
      parts[0].answer(0, 0, 0);
      parts[2].answer(0, 0);
      await soon();
      clock.fire();
      const scores = await predicted;
      expect(scores.late).toEqual(['root.parallel.1']);
      expect(probabilities(scores, 4)).toEqual([0.25, 0.25, 0.25, 0.25]);
      expect(probabilities(scores, 4, 1)).toEqual([0, 1, 0, 0]);
    });
  });

  it('refuses parts whose scores do not fit their classes', () => {
    expect(
      () =>
        new ParallelPredictor(
          'root',
          fieldsOf([
            [part(0, 2), [0]],
            [part(1, 4), [1, 2]],
          ]),
          3,
        ),
    ).toThrow('root.parallel.1 must score 3 classes, "other" and the 2 of its part, received 4');
  });

  it('refuses parts that leave a class out or have it twice', () => {
    const of = (...classes: number[][]) =>
      new ParallelPredictor('root', fieldsOf(classes.map((own, i) => [part(i, own.length + 1), own])), 3);
    expect(() => of([0], [2])).toThrow('root: each of the 3 classes must be in one part, received 0, 2');
    expect(() => of([0, 1], [1, 2])).toThrow('root: each of the 3 classes must be in one part, received 0, 1, 1, 2');
  });
});
