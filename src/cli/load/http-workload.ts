/** Requests over HTTP, built to the last byte beforehand, and what is read from their answers. */

import { type HttpAnswer, HttpSocket } from './http-socket.ts';
import type { Workload } from './load-connection.ts';
import type { ServerAddress } from './server-address.ts';

export interface HttpRequestParts {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface HttpWorkloadOptions {
  readonly server: ServerAddress;
  readonly requests: readonly Uint8Array[];
  /** The class with the largest score in a good answer. */
  readonly readClass: (answer: HttpAnswer) => number | undefined;
  readonly labels?: Int32Array;
}

/** A whole POST request as it goes over the wire. */
export function httpRequest(url: URL, { path, headers, body }: HttpRequestParts): Buffer {
  const lines = Object.entries({ host: url.host, ...headers, 'content-length': body.length });
  const head = `POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

export function httpWorkload({ server, requests, readClass, labels }: HttpWorkloadOptions): Workload {
  return {
    size: requests.length,
    ...(labels !== undefined && { labels }),
    connect: async (answered) => {
      const socket = new HttpSocket(server, (failure, answer) => {
        if (answer === undefined) answered(failure, undefined, true);
        else if (answer.status === 200) answered(undefined, readClass(answer), false);
        else answered(failureOf(answer), undefined, false);
      });
      await socket.open();
      return {
        send: (index) => socket.send(requests[index] as Uint8Array),
        abort: (reason) => socket.abort(reason),
        close: () => socket.close(),
      };
    },
  };
}

/** From the answer of an infer request whose only output is a binary FP32 tensor. */
export function classOfBinaryTensor({ head, body }: HttpAnswer): number | undefined {
  const length = /\r\ninference-header-content-length: *(\d+)/i.exec(head)?.[1];
  return length === undefined ? undefined : indexOfLargest(body.subarray(Number(length)));
}

/** From the JSON answer of classify. */
export function classOfClassification({ body }: HttpAnswer): number | undefined {
  const found = /"class": ?(\d+)/.exec(body.toString('latin1'))?.[1];
  return found === undefined ? undefined : Number(found);
}

/** The index of the largest of little-endian floats; the first one where several are. */
export function indexOfLargest(floats: Uint8Array): number | undefined {
  const view = new DataView(floats.buffer, floats.byteOffset, floats.byteLength);
  let largest = Number.NEGATIVE_INFINITY;
  let index: number | undefined;
  for (let offset = 0; offset + 4 <= floats.byteLength; offset += 4) {
    const value = view.getFloat32(offset, true);
    if (value > largest) {
      largest = value;
      index = offset / 4;
    }
  }
  return index;
}

function failureOf({ status, body }: HttpAnswer): string {
  try {
    const { error } = JSON.parse(body.toString('utf8')) as { error?: unknown };
    if (typeof error === 'string') return `HTTP ${status}: ${error}`;
  } catch {
    // Not a server of this protocol; the number must do.
  }
  return `HTTP ${status}`;
}
