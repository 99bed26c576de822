import { expect, it } from 'vitest';
import { DecodeQueue, type ImageDecoder } from './decode-queue.ts';

/** Decodes a file of one byte b to one row [b]; 255 is no image. Ends each message when the test says so. */
class FakeDecoder implements ImageDecoder {
  readonly threads = 1;
  readonly messages: { sizes: number; end: () => Promise<void> }[] = [];

  decode(images: readonly Uint8Array[]): Promise<{ data: Float32Array; errors: (string | undefined)[] }> {
    return new Promise((resolve) => {
      const message = {
        sizes: images.length,
        end: async () => {
          this.messages.splice(this.messages.indexOf(message), 1);
          resolve({
            data: Float32Array.from(images, ([byte]) => byte as number),
            errors: images.map(([byte]) => (byte === 255 ? 'Cannot decode image: it is none' : undefined)),
          });
          await new Promise((next) => setImmediate(next));
        },
      };
      this.messages.push(message);
    });
  }
}

let now = 0;
const file = (byte: number) => Uint8Array.of(byte);
const preprocessing = { shape: [1, 1, 1] as const, mean: [0], std: [1] };

it('sends a lone image at once, and what gathers meanwhile in one message', async () => {
  const decoder = new FakeDecoder();
  const queue = new DecodeQueue(decoder, { now: () => now });
  const first = queue.decode([file(1)], preprocessing);
  const others = [queue.decode([file(2)], preprocessing), queue.decode([file(3), file(4)], preprocessing)];
  expect(decoder.messages.map(({ sizes }) => sizes)).toEqual([1]);
  await decoder.messages[0]?.end();
  expect(decoder.messages.map(({ sizes }) => sizes)).toEqual([3]);
  await decoder.messages[0]?.end();
  expect(await first).toEqual(Float32Array.of(1));
  expect(await Promise.all(others)).toEqual([Float32Array.of(2), Float32Array.of(3, 4)]);
});

it('a bad image fails its own request only, and is named', async () => {
  const decoder = new FakeDecoder();
  const queue = new DecodeQueue(decoder, { now: () => now });
  const held = queue.decode([file(0)], preprocessing);
  const outcomes = Promise.allSettled([
    queue.decode([file(1)], preprocessing),
    queue.decode([file(2), file(255)], preprocessing),
    queue.decode([file(255)], preprocessing),
    queue.decode([file(3)], preprocessing),
  ]);
  await decoder.messages[0]?.end();
  await decoder.messages[0]?.end();
  await held;
  expect(await outcomes).toMatchObject([
    { value: Float32Array.of(1) },
    { reason: { code: 'invalid-argument', message: 'Image 1: Cannot decode image: it is none' } },
    { reason: { message: 'Cannot decode image: it is none' } },
    { value: Float32Array.of(3) },
  ]);
});

it('does not decode for a client that has gone', async () => {
  const decoder = new FakeDecoder();
  const queue = new DecodeQueue(decoder, { now: () => now });
  void queue.decode([file(1)], preprocessing);
  const gone = new AbortController();
  const dropped = queue.decode([file(2)], preprocessing, { signal: gone.signal }).catch((error: unknown) => error);
  gone.abort();
  await decoder.messages[0]?.end();
  expect(decoder.messages).toEqual([]);
  expect(await dropped).toMatchObject({ code: 'cancelled' });
});

it('serves by priority and deadline, and decodes nothing for whom it is too late', async () => {
  const decoder = new FakeDecoder();
  const queue = new DecodeQueue(decoder, { now: () => now });
  const order: number[] = [];
  const ask = (byte: number, context: object) =>
    queue.decode(new Array(16).fill(file(byte)), preprocessing, context).then(
      ([value]) => void order.push(value as number),
      (error: unknown) => error,
    );
  now = 0;
  const held = ask(1, {});
  const late = ask(2, { deadline: 5 });
  const others = [ask(3, {}), ask(4, { deadline: 100 }), ask(5, { priority: 1 })];
  now = 10;
  while (decoder.messages.length > 0) await decoder.messages[0]?.end();
  await Promise.all([held, ...others]);
  expect(order).toEqual([1, 5, 4, 3]);
  expect(await late).toMatchObject({ code: 'deadline-exceeded' });
  now = 0;
});

it('sends many images in several messages, between which others have their turn', async () => {
  const decoder = new FakeDecoder();
  const queue = new DecodeQueue(decoder, { now: () => 0 });
  const bytes = Array.from({ length: 100 }, (_, i) => i);
  const order: string[] = [];
  const many = queue.decode(bytes.map(file), preprocessing).finally(() => order.push('many'));
  const one = queue.decode([file(7)], preprocessing).finally(() => order.push('one'));
  const sizes: number[] = [];
  while (decoder.messages.length > 0) {
    sizes.push(decoder.messages[0]?.sizes ?? 0);
    await decoder.messages[0]?.end();
  }
  expect(await one).toEqual(Float32Array.of(7));
  expect(await many).toEqual(Float32Array.from(bytes));
  expect(order).toEqual(['one', 'many']);
  expect(Math.max(...sizes)).toBe(16);
});

it('decodes no more of a request whose image is bad, or whose client has gone', async () => {
  for (const reason of ['bad', 'gone']) {
    const decoder = new FakeDecoder();
    const queue = new DecodeQueue(decoder, { now: () => 0 });
    const gone = new AbortController();
    const files = Array.from({ length: 100 }, (_, i) => file(reason === 'bad' && i === 20 ? 255 : 1));
    const failed = queue.decode(files, preprocessing, { signal: gone.signal }).catch((error: unknown) => error);
    await decoder.messages[0]?.end();
    if (reason === 'gone') gone.abort();
    await decoder.messages[0]?.end();
    expect(decoder.messages).toEqual([]);
    expect(await failed).toMatchObject(
      reason === 'bad' ? { message: 'Image 20: Cannot decode image: it is none' } : { code: 'cancelled' },
    );
  }
});

it('does not mix models whose images are prepared differently', async () => {
  const decoder = new FakeDecoder();
  const queue = new DecodeQueue(decoder, { now: () => 0 });
  const all = [queue.decode([file(1)], preprocessing), queue.decode([file(2)], preprocessing)];
  all.push(queue.decode([file(3)], { ...preprocessing, mean: [1] }));
  const sizes: number[] = [];
  while (decoder.messages.length > 0) {
    sizes.push(decoder.messages[0]?.sizes ?? 0);
    await decoder.messages[0]?.end();
  }
  await Promise.all(all);
  expect(sizes).toEqual([1, 1, 1]);
});
