import { expect, it } from 'vitest';
import { GraphBuilder } from '../../ops/index.ts';
import { fewestInFloat, layersByKind } from './float-layers.ts';

it('layersByKind() tells what may be slower in int8', () => {
  const b = new GraphBuilder();
  let x = b.input('input', 'float32', ['batch', 3, 8, 8]);
  x = b.conv(x, { out: 8, kernel: 3, name: 'stem' });
  x = b.conv(x, { out: 8, kernel: 3, groups: 8, name: 'dw' });
  x = b.conv(x, { out: 8, kernel: 3, groups: 2, name: 'grouped' });
  x = b.conv(x, { out: 8, kernel: 1, name: 'plain' });
  b.output('logits', b.linear(b.flatten(b.globalAveragePool(x)), { out: 4, name: 'head' }));
  expect([...layersByKind(b.build())]).toEqual([
    ['first', ['/stem/Conv']],
    ['depthwise', ['/dw/Conv']],
    ['grouped', ['/grouped/Conv']],
    ['fully-connected', ['/head/Gemm']],
  ]);
});

it('fewestInFloat() finds how many are needed, in few tries', async () => {
  const ranked = Array.from({ length: 37 }, (_, i) => `layer ${i}`);
  for (let needed = 1; needed <= ranked.length; needed++) {
    let tries = 0;
    const found = await fewestInFloat(ranked, async (names) => {
      tries++;
      return names.length >= needed;
    });
    expect(found).toEqual(ranked.slice(0, needed));
    expect(tries).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(ranked.length)));
  }
  expect(await fewestInFloat([], async () => false)).toEqual([]);
});
