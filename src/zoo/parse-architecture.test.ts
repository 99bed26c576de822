import { describe, expect, it } from 'vitest';
import { parseArchitecture, zooNames } from './parse-architecture.ts';

describe('parseArchitecture()', () => {
  it.each([
    ['resnet20', 'resnet20', { depth: 20, width: 1 }],
    ['vgg19:width=0.5', 'vgg19:width=0.5', { depth: 19, width: 0.5 }],
    ['resnext56:cardinality=8,width=4', 'resnext56:width=4', { depth: 56, cardinality: 8, width: 4, stem: 16 }],
    [' resnext56: width=4 , cardinality=8 ', 'resnext56:width=4', { depth: 56, cardinality: 8, width: 4, stem: 16 }],
    ['resnet:depth=14', 'resnet:depth=14', { depth: 14, width: 1 }],
    ['wrn:width=2.5,depth=22', 'wrn:depth=22,width=2.5', { depth: 22, width: 2.5 }],
    ['shufflenetv2:width=1', 'shufflenetv2', { width: 1 }],
    ['wrn-28-10', 'wrn-28-10', { depth: 28, width: 10 }],
  ])('%s', (text, name, parameters) => {
    expect(parseArchitecture(text)).toMatchObject({ name, parameters });
  });

  it('keeps the same name for the same network, and a name stands for itself', () => {
    for (const name of zooNames()) expect(parseArchitecture(name).name).toBe(name);
  });

  it.each([
    ['renset20', "no architecture 'renset20' (did you mean 'resnet20'?): the zoo has lenet5, resnet8, resnet20"],
    ['yolo', "no architecture 'yolo': the zoo has"],
    ['', "no architecture ''"],
    ['constructor', "no architecture 'constructor'"],
    [
      'vgg19:widht=0.5',
      "'vgg19' takes width (multiplies the channels) as key=value (did you mean 'width'?), received 'widht=0.5'",
    ],
    ['vgg19:constructor=1', "takes width (multiplies the channels) as key=value, received 'constructor=1'"],
    ['vgg19:', "takes width (multiplies the channels) as key=value, received ''"],
    ['wrn-16-4:growth=1', "'wrn-16-4' takes no parameters as key=value, received 'growth=1'"],
    ['resnet20:depth=14', "has depth 20 by its name: write resnet:depth=… for another one, received 'depth=14'"],
    ['resnet:depth=21', "needs for depth (layers, 6n + 2) one of 8, 14, 20, …, received 'depth=21'"],
    ['resnet:depth=2', 'needs for depth (layers, 6n + 2) one of 8, 14, 20, …'],
    ['vgg:depth=12', 'needs for depth (layers) one of 11, 13, 16, 19'],
    ['resnext56:cardinality=1.5', "a whole number from 1, received 'cardinality=1.5'"],
    ['vgg19:width=0', "a number above 0, received 'width=0'"],
    ['vgg19:width=half', "a number above 0, received 'width=half'"],
    ['vgg19:width', "a number above 0, received 'width'"],
    ['vgg19:width=', "a number above 0, received 'width='"],
    ['vgg19:width=1=2', "a number above 0, received 'width=1=2'"],
    ['vgg19:width=Infinity', 'a number above 0'],
    ['vgg19:width=1,width=2', "takes each parameter once, received 'width=2'"],
    ['vgg19:width=1:2', "a number above 0, received 'width=1:2'"],
    ['wrn:depth=16', "'wrn' needs width (multiplies the channels of the blocks), received 'wrn:depth=16'"],
    ['resnet', 'or take one of resnet8, resnet20'],
  ])('refuses %j', (text, message) => {
    expect(() => parseArchitecture(text)).toThrow(message);
    expect(() => parseArchitecture(text)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });
});
