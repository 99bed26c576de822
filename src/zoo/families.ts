/** The table of all families, by the name under which any size of one can be asked for. */
import { densenet, densenetBc } from './densenet.ts';
import type { Family } from './family.ts';
import { lenet } from './lenet.ts';
import { mobilenetV2 } from './mobilenet-v2.ts';
import { preresnet } from './preresnet.ts';
import { resnet } from './resnet.ts';
import { resnext } from './resnext.ts';
import { shufflenetV2 } from './shufflenet-v2.ts';
import { squeezenet } from './squeezenet.ts';
import { vgg } from './vgg.ts';
import { wideResnet } from './wide-resnet.ts';

export const FAMILIES: Readonly<Record<string, Family>> = {
  lenet,
  resnet,
  preresnet,
  wrn: wideResnet,
  resnext,
  densenet,
  'densenet-bc': densenetBc,
  vgg,
  mobilenetv2: mobilenetV2,
  shufflenetv2: shufflenetV2,
  squeezenet,
};
