/**
 * For tests: an inference server of one model 'echo' without a model in it. The largest score is that of the class that the
 * first element of the tensor, or the first byte of the file, names; so each answer can be checked against its request.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const ECHO_LABELS = ['disc', 'ring', 'square', 'star'];
export const ECHO_SHAPE = [3, 4, 4];

export interface FakeRequest {
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface FakeServer {
  readonly url: URL;
  /** Every POST that carried a tensor or a file, in the order of arrival. */
  readonly requests: FakeRequest[];
  readonly connections: number;
  close(): Promise<void>;
}

/** @param intercept answers a request itself and returns true, or returns false */
export async function startFakeServer(
  intercept: (request: FakeRequest, response: ServerResponse) => boolean = () => false,
): Promise<FakeServer> {
  const requests: FakeRequest[] = [];
  let connections = 0;
  const server = createServer((message, response) => {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('end', () => {
      const request = { url: message.url ?? '', headers: message.headers, body: Buffer.concat(chunks) };
      if (!answerQuestion(request, response)) {
        requests.push(request);
        if (!intercept(request, response)) answerWork(request, response);
      }
    });
  });
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    requests,
    get connections() {
      return connections;
    },
    close: () => closeServer(server),
  };
}

/** What a load generator asks before it begins. */
function answerQuestion({ url, headers, body }: FakeRequest, response: ServerResponse): boolean {
  if (url === '/v2/repository/index') return send(response, 200, [{ name: 'echo', version: '1', state: 'READY' }]);
  if (!url.startsWith('/v2/models/echo')) return send(response, 404, { error: `Unknown: ${url}` });
  if (url === '/v2/models/echo') {
    return send(response, 200, {
      name: 'echo',
      inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, ...ECHO_SHAPE] }],
      outputs: [{ name: 'scores', datatype: 'FP32', shape: [-1, ECHO_LABELS.length] }],
    });
  }
  const header = body.toString('utf8', 0, Number(headers['inference-header-content-length'] ?? 0));
  if (!header.includes('"classification"')) return false;
  return send(response, 200, { outputs: [{ data: ECHO_LABELS.map((label, i) => `0.25:${i}:${label}`).reverse() }] });
}

function answerWork({ url, headers, body }: FakeRequest, response: ServerResponse): void {
  if (url.endsWith('/classify')) {
    send(response, 200, { model: 'echo', label: ECHO_LABELS[body[0] as number], class: body[0] });
    return;
  }
  const headerBytes = Number(headers['inference-header-content-length']);
  const header = JSON.parse(body.toString('utf8', 0, headerBytes)) as { inputs: [{ datatype: string }] };
  const isTensor = header.inputs[0].datatype === 'FP32';
  const first = isTensor ? body.readFloatLE(headerBytes) : (body[headerBytes + 4] as number);
  const topClass = Math.abs(Math.round(first)) % ECHO_LABELS.length;
  const scores = Buffer.alloc(4 * ECHO_LABELS.length);
  scores.writeFloatLE(1, 4 * topClass);
  const json = Buffer.from(JSON.stringify({ outputs: [{ name: 'scores', parameters: { binary_data_size: 16 } }] }));
  response.writeHead(200, {
    'inference-header-content-length': json.length,
    'content-length': json.length + scores.length,
  });
  response.end(Buffer.concat([json, scores]));
}

function send(response: ServerResponse, status: number, value: unknown): true {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
  return true;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
