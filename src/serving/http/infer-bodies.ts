/**
 * Parses the bodies of inference requests, remembering the JSON of those whose tensors are all binary: a client repeats it
 * byte for byte, and only what lies behind it differs. What a body means follows from its JSON and its length alone.
 */
import type { InferInput, InferRequest } from '../protocol.ts';
import type { Writable } from '../request-parameters.ts';
import { type InferCall, parseInferBody } from './infer-request.ts';

/** JSON that is longer is not worth its memory. */
const LONGEST_BYTES = 1024;
const MOST_KNOWN = 256;

interface Known extends InferCall {
  readonly tensors: readonly { readonly start: number; readonly end: number }[];
}

export class InferBodies {
  readonly #maxDepth: number;
  readonly #known = new Map<string, Known>();

  constructor(maxDepth: number) {
    this.#maxDepth = maxDepth;
  }

  /** As parseInferBody, which sees each JSON once. @throws SkeinError as that does */
  parse(
    model: string,
    version: string | undefined,
    body: Buffer,
    headerLength: number | undefined,
  ): { readonly request: Writable<InferRequest>; readonly form: InferCall['form'] } {
    if (headerLength === undefined || headerLength > Math.min(LONGEST_BYTES, body.length)) {
      return parseInferBody(model, version, body, headerLength, this.#maxDepth);
    }
    // The lengths in front keep apart what would run together.
    const names = `${body.length} ${model.length} ${version?.length ?? -1} ${model}${version ?? ''}`;
    const key = names + body.toString('latin1', 0, headerLength);
    const known = this.#known.get(key);
    if (known !== undefined) {
      const inputs = known.request.inputs.map((input, i): InferInput => {
        const { start = 0, end = 0 } = known.tensors[i] ?? {};
        return { ...input, content: { raw: body.subarray(start, end) } };
      });
      return { request: { ...known.request, inputs }, form: known.form };
    }
    const call = parseInferBody(model, version, body, headerLength, this.#maxDepth);
    this.#remember(key, call, body);
    return call;
  }

  #remember(key: string, { request, form }: InferCall, body: Buffer): void {
    const tensors = request.inputs.flatMap(({ content }) => {
      if (!('raw' in content)) return [];
      const start = content.raw.byteOffset - body.byteOffset;
      return [{ start, end: start + content.raw.byteLength }];
    });
    // An id is there to differ.
    if (tensors.length !== request.inputs.length || request.id) return;
    if (this.#known.size === MOST_KNOWN) this.#known.clear();
    const nothing = { raw: new Uint8Array(0) };
    const inputs = request.inputs.map((input) => ({ ...input, content: nothing }));
    this.#known.set(key, { request: { ...request, inputs }, form, tensors });
  }
}
