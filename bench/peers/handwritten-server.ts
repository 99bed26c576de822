/**
 * The server that a user would write instead of taking Skein: fastify and onnxruntime-node, one session with default
 * options, float32 bytes in, JSON out. Arguments: the model. Prints `ready http://…`.
 */
import Fastify from 'fastify';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const session = await InferenceSession.create(process.argv[2] as string);
const inputName = session.inputNames[0] as string;
const outputName = session.outputNames[0] as string;

const app = Fastify();
app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

app.post('/infer', async (request, reply) => {
  const body = request.body as Buffer;
  if (body.length !== 4 * 3 * 32 * 32) return reply.code(400).send({ error: `expected 12288 bytes` });
  const floats = new Float32Array(3 * 32 * 32);
  new Uint8Array(floats.buffer).set(body);
  const outputs = await session.run({ [inputName]: new Tensor('float32', floats, [1, 3, 32, 32]) });
  const logits = outputs[outputName]?.data as Float32Array;
  return { logits: Array.from(logits) };
});

console.log(`ready ${await app.listen({ host: '127.0.0.1', port: 0 })}`);
