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

const file = (byte: number) => Uint8Array.of(byte);
const preprocessing = { shape: [1, 1, 1] as const, mean: [0], std: [1] };

it('sends a lone image at once, and what gathers meanwhile in one message', async () => {
  const decoder = new FakeDecoder();
  const queue = new DecodeQueue(decoder, preprocessing);
  const first = queue.decode([file(1)]);
  const others = [queue.decode([file(2)]), queue.decode([file(3), file(4)])];
  expect(decoder.messages.map(({ sizes }) => sizes)).toEqual([1]);
  await decoder.messages[0]?.end();
  expect(decoder.messages.map(({ sizes }) => sizes)).toEqual([3]);
  await decoder.messages[0]?.end();
  expect(await first).toEqual(Float32Array.of(1));
  expect(await Promise.all(others)).toEqual([Float32Array.of(2), Float32Array.of(3, 4)]);
});

it('a bad image fails its own request only, and is named', async () => {
  const decoder = new FakeDecoder();
  const queue = new DecodeQueue(decoder, preprocessing);
  const held = queue.decode([file(0)]);
  const outcomes = Promise.allSettled([
    queue.decode([file(1)]),
    queue.decode([file(2), file(255)]),
    queue.decode([file(255)]),
    queue.decode([file(3)]),
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
  const queue = new DecodeQueue(decoder, preprocessing);
  void queue.decode([file(1)]);
  const gone = new AbortController();
  const dropped = queue.decode([file(2)], gone.signal).catch((error: unknown) => error);
  gone.abort();
  await decoder.messages[0]?.end();
  expect(decoder.messages).toEqual([]);
  expect(await dropped).toMatchObject({ code: 'cancelled' });
});
