import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../base/index.ts';
import { type Model, makeNode, Tensor } from '../graph/index.ts';
import { elementCount } from '../tensor/index.ts';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from './gen/onnx_pb.ts';
import { parseModel, readModel, writeModel } from './model-file.ts';
import { serializeModel } from './onnx-bytes.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-onnx-'));
});
afterEach(() => rm(folder, { recursive: true }));

function network(): Model {
  const random = new Random(5);
  const weights = (...dims: number[]) =>
    Tensor.of(
      'float32',
      dims,
      Array.from({ length: elementCount(dims) }, () => random.normal()),
    );
  const layer = (opType: string, inputs: string[], output: string, attributes = {}) =>
    makeNode({ name: `/${opType}`, opType, inputs, outputs: [output], attributes });
  return {
    irVersion: 8,
    opsets: new Map([['', 17]]),
    producerName: 'skein',
    producerVersion: '',
    graph: {
      name: 'network',
      inputs: [{ name: 'x', type: { dtype: 'float32', dims: ['n', 3, 8, 8] } }],
      outputs: [{ name: 'y', type: { dtype: 'float32', dims: ['n', 4] } }],
      initializers: new Map([
        ['conv1.weight', weights(8, 3, 3, 3)],
        ['conv1.bias', weights(8)],
        ['fc1.weight', weights(4, 8)],
        ['fc1.bias', weights(4)],
      ]),
      sparseInitializers: new Map(),
      nodes: [
        layer('Conv', ['x', 'conv1.weight', 'conv1.bias'], 'a', { kernel_shape: [3, 3], group: 1 }),
        layer('Relu', ['a'], 'b'),
        layer('GlobalAveragePool', ['b'], 'c'),
        layer('Flatten', ['c'], 'd', { axis: 1 }),
        layer('Gemm', ['d', 'fc1.weight', 'fc1.bias'], 'y', { transB: 1 }),
      ],
      valueInfos: new Map(),
    },
    functions: [],
    trainingInfos: [],
    metadata: new Map([['labels', 'a,b,c,d']]),
  };
}

const hasCode = (code: string) => expect.objectContaining({ name: 'SkeinError', code });

describe('parseModel()', () => {
  it('reads back what serializeModel() writes', () => {
    const model = network();
    const back = parseModel(serializeModel(model));
    expect(back.opsets).toEqual(model.opsets);
    expect(back.metadata).toEqual(model.metadata);
    expect(back.irVersion).toBe(8);
    expect(back.graph.inputs.map(({ name, type }) => ({ name, type }))).toEqual(model.graph.inputs);
    expect(back.graph.nodes.map(({ rest: _, ...node }) => node)).toEqual(
      model.graph.nodes.map((node) => ({
        ...node,
        attributes: new Map([...node.attributes].map(([name, value]) => [name, { ...value, rest: undefined }])),
      })),
    );
    for (const [name, tensor] of model.graph.initializers) {
      expect(back.graph.initializers.get(name)?.bytes).toEqual(tensor.bytes);
    }
    expect(serializeModel(back)).toEqual(serializeModel(model));
  });

  it('refuses every truncation of a model, and what is none', () => {
    const bytes = serializeModel({ ...network(), metadata: new Map() });
    for (let length = 0; length < bytes.length; length += 7) {
      expect(() => parseModel(bytes.subarray(0, length))).toThrow(hasCode('corrupt'));
    }
    expect(() => parseModel(new TextEncoder().encode('<html>404</html>'))).toThrow(hasCode('corrupt'));
    expect(() => parseModel(new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]))).toThrow(hasCode('corrupt'));
    expect(() => parseModel(new Uint8Array(1000))).toThrow(hasCode('corrupt'));
  });

  it('refuses a tensor whose data do not fit its shape', () => {
    const proto = fromBinary(ModelProtoSchema, serializeModel(network()));
    const tensor = proto.graph?.initializer[0];
    if (tensor === undefined) throw new Error('no initializer');
    tensor.rawData = tensor.rawData.slice(4);
    expect(() => parseModel(toBinary(ModelProtoSchema, proto))).toThrow(
      /'conv1.weight' of shape \[8,3,3,3\] needs 864 bytes/,
    );
  });

  it('refuses an initializer that is there twice', () => {
    const proto = create(ModelProtoSchema, { opsetImport: [{ version: 17n }], graph: { name: 'g' } });
    const one = { name: 'w', dims: [1n], dataType: 1, floatData: [1] };
    proto.graph?.initializer.push(create(TensorProtoSchema, one), create(TensorProtoSchema, one));
    expect(() => parseModel(toBinary(ModelProtoSchema, proto))).toThrow(
      expect.objectContaining({ code: 'corrupt', message: "The ONNX graph has the initializer 'w' twice" }),
    );
  });

  it('reads typed fields as onnx.proto lays them out', () => {
    const tensors = [
      create(TensorProtoSchema, { name: 'half', dims: [2n], dataType: 10, int32Data: [0x3c00, 0xc000] }),
      create(TensorProtoSchema, { name: 'bytes', dims: [2n], dataType: 3, int32Data: [-1, 5] }),
      create(TensorProtoSchema, { name: 'nibbles', dims: [3n], dataType: 22, int32Data: [0xe1, 0x07] }),
      create(TensorProtoSchema, { name: 'wide', dims: [1n], dataType: 12, uint64Data: [4000000000n] }),
      create(TensorProtoSchema, { name: 'real', dims: [2n], dataType: 1, floatData: [0.5, -2] }),
    ];
    const proto = create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [create(OperatorSetIdProtoSchema, { version: 17n })],
      graph: create(GraphProtoSchema, { initializer: tensors }),
    });
    const { initializers } = parseModel(toBinary(ModelProtoSchema, proto)).graph;
    expect([...initializers.values()].map((tensor) => tensor.elements())).toEqual([
      [1, -2],
      [-1, 5],
      [1, -2, 7],
      [4000000000],
      [0.5, -2],
    ]);
  });

  it('keeps what it does not know, at every level', () => {
    const unknown = () => ({ $unknown: [{ no: 900, wireType: 2, data: new Uint8Array([1, 42]) }] });
    const attributes = [
      create(AttributeProtoSchema, {
        name: 'type',
        type: AttributeProto_AttributeType.TYPE_PROTO,
        tp: {},
        docString: 'd',
      }),
      create(AttributeProtoSchema, { name: 'later', type: 99 as never, ...unknown() }),
      create(AttributeProtoSchema, { name: 'ref', type: AttributeProto_AttributeType.INT, refAttrName: 'outer' }),
      create(AttributeProtoSchema, {
        name: 'blob',
        type: AttributeProto_AttributeType.STRING,
        s: new Uint8Array([0xff, 0]),
        ...unknown(),
      }),
    ];
    const node = create(NodeProtoSchema, {
      opType: 'Strange',
      domain: 'nobody.knows',
      overload: 'o',
      input: ['x'],
      output: ['y'],
      attribute: attributes,
      metadataProps: [{ key: 'k', value: 'v' }],
      deviceConfigurations: [{ configurationId: 'c', pipelineStage: 2 }],
    });
    const proto = create(ModelProtoSchema, {
      irVersion: 11n,
      opsetImport: [create(OperatorSetIdProtoSchema, { version: 23n })],
      docString: 'doc',
      modelVersion: 7n,
      configuration: [{ name: 'c', numDevices: 2 }],
      trainingInfo: [{ algorithm: { name: 'step' }, updateBinding: [{ key: 'a', value: 'b' }] }],
      functions: [{ name: 'f', domain: 'd', overload: 'o', attribute: ['alpha'], opsetImport: [{ version: 23n }] }],
      graph: create(GraphProtoSchema, {
        node: [node],
        input: [
          create(ValueInfoProtoSchema, {
            name: 'x',
            type: {
              denotation: 'IMAGE',
              value: {
                case: 'tensorType',
                value: {
                  elemType: 1,
                  shape: { dim: [{ value: { case: 'dimParam', value: 'n' }, denotation: 'DATA_BATCH' }] },
                },
              },
            },
            ...unknown(),
          }),
          create(ValueInfoProtoSchema, { name: 's', type: { value: { case: 'sequenceType', value: {} } } }),
        ],
        quantizationAnnotation: [{ tensorName: 'x', quantParameterTensorNames: [{ key: 'SCALE_TENSOR', value: 's' }] }],
        metadataProps: [{ key: 'gk', value: 'gv' }],
        ...unknown(),
      }),
      ...unknown(),
    });
    const bytes = toBinary(ModelProtoSchema, proto);
    expect(serializeModel(parseModel(bytes))).toEqual(bytes);
  });
});

describe('writeModel()', () => {
  it('names the path of what it cannot read', async () => {
    await expect(readModel(join(folder, 'none.onnx'))).rejects.toThrow(hasCode('not-found'));
    await writeFile(join(folder, 'half.onnx'), serializeModel(network()).subarray(0, 500));
    await expect(readModel(join(folder, 'half.onnx'))).rejects.toThrow(
      /half\.onnx': The file is truncated or no ONNX model/,
    );
  });

  it('replaces a file at once and leaves no other behind', async () => {
    const path = join(folder, 'm.onnx');
    await writeFile(path, 'old');
    await writeModel(network(), path);
    expect(await readFile(path)).toEqual(Buffer.from(serializeModel(network())));
    expect(await readdir(folder)).toEqual(['m.onnx']);
  });

  it('leaves the old file where a tensor cannot be read', async () => {
    const path = join(folder, 'm.onnx');
    await writeFile(path, 'old');
    const model = network();
    const broken = new Tensor('float32', [4], () => {
      throw new Error('gone');
    });
    const graph = { ...model.graph, initializers: new Map([['fc1.bias', broken]]) };
    for (const options of [{}, { externalData: { thresholdBytes: 0 } }]) {
      await expect(writeModel({ ...model, graph }, path, options)).rejects.toThrow(/Cannot write model .*gone/);
      expect(await readFile(path, 'utf8')).toBe('old');
      expect(await readdir(folder)).toEqual(['m.onnx']);
    }
  });
});

describe('external data', () => {
  it('go into one file beside the model and come back', async () => {
    const path = join(folder, 'm.onnx');
    await writeModel(network(), path, { externalData: { thresholdBytes: 100 } });
    expect((await readdir(folder)).sort()).toEqual(['m.onnx', 'm.onnx.data']);
    const model = await readModel(path);
    expect(serializeModel(model)).toEqual(serializeModel(network()));
    // 8·3·3·3 and 4·8 floats, the second at the next page.
    expect((await readFile(`${path}.data`)).length).toBe(4096 + 4 * 8 * 4);
  });

  it('may be overwritten by the model that reads them', async () => {
    const path = join(folder, 'm.onnx');
    await writeModel(network(), path, { externalData: { thresholdBytes: 100 } });
    await writeModel(await readModel(path), path, { externalData: { thresholdBytes: 0 } });
    expect(serializeModel(await readModel(path))).toEqual(serializeModel(network()));
  });

  it('are refused once their file has changed, and where they are missing or short', async () => {
    const path = join(folder, 'm.onnx');
    await writeModel(network(), path, { externalData: { thresholdBytes: 100 } });
    const model = await readModel(path);
    await writeFile(`${path}.data`, new Uint8Array(9000));
    expect(() => model.graph.initializers.get('conv1.weight')?.bytes).toThrow(/has changed since the model was loaded/);
    await writeFile(`${path}.data`, new Uint8Array(10));
    await expect(readModel(path)).rejects.toThrow(hasCode('corrupt'));
    await rm(`${path}.data`);
    await expect(readModel(path)).rejects.toThrow(hasCode('not-found'));
    const bytes = new Uint8Array(await readFile(path));
    expect(() => parseModel(bytes)).toThrow(/give baseDir/);
  });

  it.each(['../secret', '/etc/hostname', 'a/../../secret', '..\\secret', '.', 'link'])(
    'outside the folder are refused: %s',
    async (location) => {
      await writeFile(join(folder, 'secret'), new Uint8Array(16));
      const inner = await mkdtemp(join(folder, 'model-'));
      await symlink(join(folder, 'secret'), join(inner, 'link'));
      const path = join(inner, 'm.onnx');
      const proto = fromBinary(ModelProtoSchema, serializeModel(network()));
      const externalData = [create(StringStringEntryProtoSchema, { key: 'location', value: location })];
      const outside = { name: 'outside', dims: [4n], dataType: 1, dataLocation: 1 as const, externalData };
      proto.graph?.initializer.push(create(TensorProtoSchema, outside));
      await writeFile(path, toBinary(ModelProtoSchema, proto));
      await expect(readModel(path)).rejects.toThrow(/may only lie in the model's folder/);
    },
  );
});
