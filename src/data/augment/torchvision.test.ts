/**
 * Every operation against torchvision 0.29.2 with Pillow 13.0.0: literal bytes for a small image, in colour and in grey,
 * and SHA-256 of larger ones. `F` is torchvision.transforms.functional, `m` the PIL image of `probe()`.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ImageShape } from '../preprocessing.ts';
import { rotate, shearX, shearY, translate } from './affine.ts';
import { applyStep, CIFAR10_POLICY, OPERATIONS } from './auto-augment.ts';
import { adjustBrightness, adjustContrast, adjustSaturation, adjustSharpness } from './enhance.ts';
import { adjustHue } from './hue.ts';
import { autoContrast, equalize, invert, posterize, solarize } from './tone.ts';

function probe(shape: ImageShape): Uint8Array {
  const [, height, width] = shape;
  return Uint8Array.from({ length: shape[0] * height * width }, (_, i) => {
    const x = i % width;
    const y = Math.floor(i / width) % height;
    const channel = Math.floor(i / (width * height));
    return 30 + ((x * 5 + y * 3 + channel * 40 + ((x * y) % 17) * 7) % 180);
  });
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const sha256 = (images: Uint8Array[]) => {
  const hash = createHash('sha256');
  for (const image of images) hash.update(image);
  return hash.digest('hex').slice(0, 16);
};

type Case = [call: string, ours: (p: Uint8Array, s: ImageShape) => Uint8Array, colour: string, grey: string];

const CASES: Case[] = [
  [
    'F.adjust_brightness(m, 1.6)',
    (p) => adjustBrightness(p, 1.6),
    '303840485034485b6e8139587694b33e6891bbe4707880889074889baec17998b6d4f37ea8d1fbffb0b8c0c8d0b4c8dbeeffb9d8f6ffffbee8ffff44',
    '303840485034485b6e8139587694b33e6891bbe4',
  ],
  [
    'F.adjust_brightness(m, 0.37)',
    (p) => adjustBrightness(p, 0.37),
    '0b0c0e10120c1015191d0d141b22290e18212b34191b1d1f211b1f23282c1c232a31381d26303a43282a2c2e30292e32373b2a313840472c353f480f',
    '0b0c0e10120c1015191d0d141b22290e18212b34',
  ],
  [
    'F.adjust_contrast(m, 1.9)',
    (p, s) => adjustContrast(p, s, 1.9),
    '00000000070000152b42001135597d00245587b82d37404a53334a61778e395d81a5c93e70a1d3ff79838c969f7f96adc3da85a9cdf1ff8abcedff00',
    '0007101a23031a30475e092d5175990e4071a2d4',
  ],
  [
    'F.adjust_contrast(m, 0.25)',
    (p, s) => adjustContrast(p, s, 0.25),
    '50515254555154575a5d51565b606452595f666c5a5b5c5e5f5b5e6164675b60656a6e5c63697076646566686965686b6e71656a6f7478666d737a53',
    '393a3b3c3e393c3f42453a3f44484d3b41484e55',
  ],
  [
    'F.adjust_saturation(m, 1.7)',
    (p, s) => adjustSaturation(p, s, 1.7),
    '060b10151a0915212d390c1f3245580f29435d864a4f54595e4d5965717d506376899c536d87a1ca8e93989da2919da9b5c194a7bacde097b1cbe500',
    '1e23282d32212d39455124374a5d7027415b758f',
  ],
  [
    'F.adjust_saturation(m, 0.3)',
    (p, s) => adjustSaturation(p, s, 0.3),
    '353a3f44493844505c683b4e6174873e58728c9741464b505544505c6874475a6d80934a647e98a34d52575c61505c6874805366798c9f56708aa479',
    '1e23282d32212d39455124374a5d7027415b758f',
  ],
  [
    'F.adjust_sharpness(m, 1.9)',
    (p, s) => adjustSharpness(p, s, 1.9),
    '1e23282d32212d39455124374a5d7027415b758f464b50555a4955616d794c5f7285984f69839db76e73787d82717d8995a174879ab9c07791abc52b',
    '1e23282d32212d39455124374a5d7027415b758f',
  ],
  [
    'F.adjust_sharpness(m, 0.1)',
    (p, s) => adjustSharpness(p, s, 0.1),
    '1e23282d32212d39455124374a5d7027415b758f464b50555a4955616d794c5f7285984f69839db76e73787d82717d8995a174879aa0c07791abc52b',
    '1e23282d32212d39455124374a5d7027415b758f',
  ],
  [
    'F.adjust_hue(m, 0.3)',
    (p, s) => adjustHue(p, s, 0.3),
    '6e73787d82717d8995a174879aadc07791abc52b1e23282d32212d39465124374a5e7027415b75af585d62676c5b67737f8b5e718498aa617b95afb7',
    '1e23282d32212d39455124374a5d7027415b758f',
  ],
  [
    'F.adjust_hue(m, -0.15)',
    (p, s) => adjustHue(p, s, -0.15),
    '1e23282d32212d39465124374a5e7027415b75b76e73787d82717d8995a174879aadc07791abc5604d52575c61505c6874805366798c9f56708aa42b',
    '1e23282d32212d39455124374a5d7027415b758f',
  ],
  [
    'F.adjust_hue(m, 0.0)',
    (p, s) => adjustHue(p, s, 0),
    '1e23282d32212d39465124374a5e7027415b7591484c51565c4b56636f7b4e6074879a516b859fb76e73787d82717d8995a174879aadc07791abc52b',
    '1e23282d32212d39455124374a5d7027415b758f',
  ],
  [
    'F.posterize(m, 3)',
    (p) => posterize(p, 3),
    '002020202020202040402020404060204040608040404040404040606060404060808040608080a0606060608060608080a0608080a0c06080a0c020',
    '0020202020202020404020204040602040406080',
  ],
  [
    'F.solarize(m, 100)',
    (p) => solarize(p, 100),
    '1e23282d32212d39455124374a5d8f27415b8a70464b50555a49556192864c5f8d7a674f967c6248918c87827d8e82766a5e8b7865523f886e543a2b',
    '1e23282d32212d39455124374a5d8f27415b8a70',
  ],
  [
    'F.autocontrast(m)',
    (p, s) => autoContrast(p, s),
    '000b16212d06213c58730d38638eb9144e89c4ff000b16212d06213c58730d38638eb9144e89c4ff6e777f879073879bafc37898b7d7f67da8d3ff00',
    '000b16212d06213c58730d38638eb9144e89c4ff',
  ],
  [
    'F.equalize(m)',
    (p, s) => equalize(p, s),
    '1e23282d32212d39455124374a5d7027415b758f464b50555a4955616d794c5f7285984f69839db76e73787d82717d8995a174879aadc07791abc52b',
    '1e23282d32212d39455124374a5d7027415b758f',
  ],
  [
    'F.invert(m)',
    (p) => invert(p),
    'e1dcd7d2cdded2c6baaedbc8b5a28fd8bea48a70b9b4afaaa5b6aa9e9286b3a08d7a67b0967c6248918c87827d8e82766a5e8b7865523f886e543ad4',
    'e1dcd7d2cdded2c6baaedbc8b5a28fd8bea48a70',
  ],
  [
    "_apply_op(m, 'ShearX', 0.3, NEAREST, None)",
    (p, s) => shearX(p, s, 0.3),
    '1e23282d32212d394551374a5d7000415b758f00464b50555a4955616d795f7285980069839db7006e73787d82717d8995a1879aadc00091abc52b00',
    '1e23282d32212d394551374a5d7000415b758f00',
  ],
  [
    "_apply_op(m, 'ShearX', -0.6, NEAREST, None)",
    (p, s) => shearX(p, s, -0.6),
    '1e23282d3200212d3945000024374a000027415b464b50555a004955616d00004c5f7200004f69836e73787d8200717d8995000074879a00007791ab',
    '1e23282d3200212d3945000024374a000027415b',
  ],
  [
    "_apply_op(m, 'ShearY', 0.3, NEAREST, None)",
    (p, s) => shearY(p, s, 0.3),
    '1e23394551212d4a5d7024375b758f2741000000464b616d7949557285984c5f839db74f690000006e738995a1717d9aadc07487abc52b7791000000',
    '1e23394551212d4a5d7024375b758f2741000000',
  ],
  [
    'F.affine(m, 0, [2, -1], 1.0, [0.0, 0.0], NEAREST)',
    (p, s) => translate(p, s, 2, -1),
    '0000212d39000024374a000027415b0000000000000049556100004c5f7200004f698300000000000000717d89000074879a00007791ab0000000000',
    '0000212d39000024374a000027415b0000000000',
  ],
  [
    'F.rotate(m, 30, NEAREST)',
    (p, s) => rotate(p, s, 30),
    '00282d5151232d395d70212d4a5d752424415b0000505579794b55618598495572859d4c4c69830000787da1a1737d89adc0717d9aadc5747491ab00',
    '00282d5151232d395d70212d4a5d752424415b00',
  ],
  [
    'F.rotate(m, -17, NEAREST)',
    (p, s) => rotate(p, s, -17),
    '2123282d00242d39453227374a5d5100415b7570494b5055004c55616d5a4f5f7285790069839d987173787d00747d89958277879aada10091abc5c0',
    '2123282d00242d39453227374a5d5100415b7570',
  ],
  [
    'F.rotate(m, 180, NEAREST)',
    (p, s) => rotate(p, s, 180),
    '8f755b4127705d4a37245145392d21322d28231eb79d83694f9885725f4c796d6155495a55504b462bc5ab9177c0ad9a8774a195897d71827d78736e',
    '8f755b4127705d4a37245145392d21322d28231e',
  ],
];

describe.each(CASES)('%s', (_call, ours, colour, grey) => {
  it.each([
    ['colour', [3, 4, 5] as const, colour],
    ['grey', [1, 4, 5] as const, grey],
  ])('in %s', (_, shape, expected) => {
    const image = probe(shape);
    expect(hex(ours(image, shape))).toBe(expected);
    // The image is the cache's: it stays as it is.
    expect(image).toEqual(probe(shape));
  });
});

it('every operation agrees at every level, with both signs, on an image that is not square', () => {
  const shape: ImageShape = [3, 24, 40];
  const image = probe(shape);
  const found = Object.entries(OPERATIONS).map(([name, { signed }]) => {
    const levels = Array.from({ length: 10 }, (_, level) => level);
    const signs = signed ? ([1, -1] as const) : ([1] as const);
    const step = (level: number) => [name as keyof typeof OPERATIONS, 1, level] as const;
    return [name, sha256(levels.flatMap((level) => signs.map((sign) => applyStep(image, shape, step(level), sign))))];
  });
  expect(Object.fromEntries(found)).toEqual({
    ShearX: 'c10e67a9017c54bf',
    ShearY: '8236e89fcf648c25',
    TranslateX: '313519a4869b4294',
    TranslateY: 'fc73e1e4af407df9',
    Rotate: '722a16de2b775d6d',
    Brightness: 'c97ee4f5fdf9991f',
    Color: '1345d90e9306ac3b',
    Contrast: '52666a3ce4637666',
    Sharpness: '5d45b6c1b4a80d38',
    Posterize: '5f13c76d0647049b',
    Solarize: 'e1f547aae219f80a',
    AutoContrast: 'f0cf0c82cc72cc26',
    Equalize: '3662f81a97d87b35',
    Invert: 'ca5d61fec4097a43',
  });
});

it("the 25 sub-policies agree with AutoAugmentPolicy.CIFAR10's, both operations applied", () => {
  const shape: ImageShape = [3, 32, 32];
  const found = CIFAR10_POLICY.map((steps) => {
    const signs = [1, -1] as const;
    return sha256(
      signs.map((sign) => steps.reduce((image, step) => applyStep(image, shape, step, sign), probe(shape))),
    );
  });
  expect(found).toEqual([
    '630ff02e177f299e',
    '51d610331efccb9a',
    '3f0f3e51185ec161',
    '7ce92b65c9fb96d7',
    'b35215fea8c0bb7e',
    '1a1d4f2eb4ee92cd',
    'c228c6b1b26ff98e',
    'f725861893bfe4af',
    'b35215fea8c0bb7e',
    'aa19e88eea02adb6',
    '084d7e92d9a33232',
    'b35215fea8c0bb7e',
    '49f2ab94dfa0b0a9',
    'd364b6106a631fd7',
    '59542d2755df0b51',
    'b35215fea8c0bb7e',
    'b35215fea8c0bb7e',
    '8e34e12b9379900e',
    '119ae686964862e2',
    '963ee4a4a4adbe21',
    '4f78acc382744bf9',
    'c498746f20ed4bfb',
    '940d2834fb89521f',
    '0cc806b05cd9b2c8',
    '4de0a460153f4e9f',
  ]);
});
