/** A plain HTTP client for tests: every byte of the answer as it came, and raw sockets for what no client would send. */
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: Buffer | string;
}

export function ask(url: string, { method, headers = {}, body }: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: method ?? (body === undefined ? 'GET' : 'POST'), headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

export function jsonOf(answer: Answer): unknown {
  return JSON.parse(answer.body.toString());
}

/** The message of an answer that must be `{"error": "<one line>"}` and nothing else. */
export function errorOf(answer: Answer): string {
  const fields = jsonOf(answer) as Record<string, unknown>;
  if (
    Object.keys(fields).join() !== 'error' ||
    typeof fields.error !== 'string' ||
    /\n|\bat .*\.js:/.test(fields.error)
  ) {
    throw new Error(`not the form of an error: ${answer.body}`);
  }
  return fields.error;
}

/**
 * Writes `bytes` to a fresh connection and collects what comes back until the server closes. '(open)' at the end says
 * that after `waitMs` it had not.
 * @param more whether the server is left to believe that there is more to come
 */
export function sendRaw(port: number, bytes: Buffer | string, more: boolean, waitMs = 5000): Promise<string> {
  return new Promise((resolve) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => (more ? socket.write(bytes) : socket.end(bytes)));
    const timer = setTimeout(() => {
      received += '(open)';
      socket.destroy();
    }, waitMs);
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      received += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(received);
    });
  });
}

/** A body with its JSON first and the binary tensors behind, and the headers that say so. */
export function binaryBody(
  json: unknown,
  ...tensors: readonly Uint8Array[]
): Required<Pick<Asked, 'headers' | 'body'>> {
  const header = Buffer.from(JSON.stringify(json));
  return {
    headers: { 'Inference-Header-Content-Length': header.length, 'Content-Type': 'application/octet-stream' },
    body: Buffer.concat([header, ...tensors]),
  };
}

/** The JSON of a binary answer and the bytes of its outputs by name. */
export function readBinary(answer: Answer): { json: Record<string, unknown>; tensors: Map<string, Buffer> } {
  const length = Number(answer.headers['inference-header-content-length']);
  const json = JSON.parse(answer.body.toString('utf8', 0, length)) as Record<string, unknown>;
  const tensors = new Map<string, Buffer>();
  let at = length;
  for (const output of json.outputs as { name: string; parameters?: { binary_data_size?: number } }[]) {
    const size = output.parameters?.binary_data_size;
    if (size === undefined) continue;
    tensors.set(output.name, answer.body.subarray(at, at + size));
    at += size;
  }
  if (at !== answer.body.length) throw new Error(`the answer has ${answer.body.length - at} bytes too many`);
  return { json, tensors };
}

/** Float32 values as little-endian bytes. */
export function floatBytes(values: readonly number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}

export function floatsOf(bytes: Buffer | undefined): number[] {
  return bytes === undefined ? [] : [...new Float32Array(new Uint8Array(bytes).buffer)];
}
