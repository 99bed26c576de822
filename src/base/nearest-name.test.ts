import { expect, it } from 'vitest';
import { nearestName } from './nearest-name.ts';

const NAMES = ['resnet20', 'resnet56', 'vgg19', 'width', 'depth'];

it.each([
  ['renset20', 'resnet20'],
  ['resnet-56', 'resnet56'],
  ['VGG19', 'vgg19'],
  ['widht', 'width'],
  ['dept', 'depth'],
])('nearestName() of %s is %s', (word, name) => {
  expect(nearestName(word, NAMES)).toBe(name);
});

it('nearestName() is undefined where nothing is near', () => {
  expect(nearestName('alexnet', NAMES)).toBeUndefined();
  expect(nearestName('', NAMES)).toBeUndefined();
  expect(nearestName('vgg', [])).toBeUndefined();
});
