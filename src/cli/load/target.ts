/** What a load generator must know of the served model before it can build requests: asked of the server itself. */
import { Agent, request } from 'undici';
import { SkeinError } from '../../base/index.ts';
import type { TensorMetadata } from '../../serving/protocol.ts';
import { authorization, type ServerAddress, unreachable } from './server-address.ts';

export interface Target {
  readonly model: string;
  readonly input: TensorMetadata;
  readonly output: TensorMetadata;
  /** Names of the classes in the order of the scores, where the server tells them. */
  readonly labels?: readonly string[];
}

interface Metadata {
  readonly inputs?: readonly TensorMetadata[];
  readonly outputs?: readonly TensorMetadata[];
}

/**
 * Asks the server for the model's signature and, through the classification extension, for the names of its classes.
 * @throws SkeinError 'unavailable' if there is no such server, 'not-found' if it has no such model
 */
export async function describeTarget(server: ServerAddress, model: string): Promise<Target> {
  const path = `/v2/models/${encodeURIComponent(model)}`;
  const { status, text } = await ask(server, 'GET', path);
  if (status === 404 || status === 400) throw await unknownModel(server, model);
  const metadata = status === 200 ? parseObject<Metadata>(text) : undefined;
  if (status !== 200) {
    throw new SkeinError('unavailable', `${server.url.origin} answered ${status} to GET ${path}: ${errorOf(text)}`);
  }
  const input = metadata?.inputs?.[0];
  const output = metadata?.outputs?.[0];
  if (input === undefined || output === undefined || !Array.isArray(input.shape)) {
    throw new SkeinError('unsupported', `${server.url.origin} tells no input and output of model '${model}'`);
  }
  const labels = await labelsOf(server, path, input, output);
  return { model, input, output, ...(labels !== undefined && { labels }) };
}

/** The classes of an image of zeros, all of them, come with their labels: `score:index:label`. */
async function labelsOf(
  server: ServerAddress,
  path: string,
  input: TensorMetadata,
  output: TensorMetadata,
): Promise<string[] | undefined> {
  const classes = output.shape.at(-1) ?? 0;
  const shape = [1, ...input.shape.slice(1)];
  const elements = shape.reduce((product, size) => product * size, 1);
  if (input.datatype !== 'FP32' || !(elements > 0 && elements < 1e7 && classes > 0)) return undefined;
  const json = JSON.stringify({
    inputs: [{ name: input.name, datatype: 'FP32', shape, parameters: { binary_data_size: elements * 4 } }],
    outputs: [{ name: output.name, parameters: { classification: classes, binary_data: false } }],
  });
  const body = Buffer.concat([Buffer.from(json), Buffer.alloc(elements * 4)]);
  const headers = { 'inference-header-content-length': String(Buffer.byteLength(json)) };
  const { status, text } = await ask(server, 'POST', `${path}/infer`, body, headers);
  if (status !== 200) return undefined;
  const answer = parseObject<{ outputs?: readonly { data?: readonly unknown[] }[] }>(text);
  return labelsFrom(answer?.outputs?.[0]?.data ?? [], classes);
}

/** Of the entries `score:index:label` of every class; undefined where one has no label. */
export function labelsFrom(entries: readonly unknown[], classes: number): string[] | undefined {
  const labels = new Array<string>(classes).fill('');
  for (const entry of entries) {
    const [, index, label] = /^[^:]*:(\d+):(.*)$/.exec(String(entry)) ?? [];
    if (label !== undefined && Number(index) < classes) labels[Number(index)] = label;
  }
  return labels.includes('') ? undefined : labels;
}

async function unknownModel(server: ServerAddress, model: string): Promise<SkeinError> {
  const { status, text } = await ask(server, 'POST', '/v2/repository/index', Buffer.from('{}'));
  const index = status === 200 ? parseObject<readonly { name?: unknown }[]>(text) : undefined;
  const names = Array.isArray(index) ? [...new Set(index.map(({ name }) => `'${name}'`))] : [];
  const serves = names.length > 0 ? `; it serves ${names.join(', ')}` : '';
  return new SkeinError('not-found', `${server.url.origin} has no model '${model}'${serves}`);
}

async function ask(
  server: ServerAddress,
  method: 'GET' | 'POST',
  path: string,
  body?: Uint8Array,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  const { url, token, ca } = server;
  const agent = new Agent({ headersTimeout: 30_000, ...(ca !== undefined && { connect: { ca } }) });
  try {
    const answer = await request(new URL(path, url), {
      method,
      headers: { ...authorization(token), ...headers },
      ...(body !== undefined && { body }),
      dispatcher: agent,
    });
    const text = await answer.body.text();
    if (answer.statusCode === 401) {
      throw new SkeinError(
        'unauthenticated',
        `${url.origin} wants a bearer token: give it with --token or SKEIN_TOKEN`,
      );
    }
    return { status: answer.statusCode, text };
  } catch (error) {
    if (error instanceof SkeinError) throw error;
    const failed = error as NodeJS.ErrnoException;
    throw unreachable(server, (failed.cause as NodeJS.ErrnoException | undefined) ?? failed);
  } finally {
    await agent.close();
  }
}

function parseObject<T>(text: string): T | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

function errorOf(text: string): string {
  const error = parseObject<{ error?: unknown }>(text)?.error;
  return typeof error === 'string' ? error : text.slice(0, 100).replaceAll('\n', ' ');
}
