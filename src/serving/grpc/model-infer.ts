/**
 * ModelInfer and ModelStreamInfer as calls of grpc-js. Messages are decoded here and not by grpc-js, so that garbage is
 * INVALID_ARGUMENT and says what was wrong.
 */
import { type ServerDuplexStream, type ServerUnaryCall, status as Status, type sendUnaryData } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { BodyBudget } from '../body-budget.ts';
import type { DataPlane, InferRequest } from '../protocol.ts';
import type { Writable } from '../request-parameters.ts';
import { statusOf } from './grpc-status.ts';
import { encodeStreamError, markFinal, readInferRequest } from './infer-message.ts';
import { encodeInferWire, encodeStreamWire } from './infer-wire.ts';

/** A stream is not read further while this many of its requests wait. */
const STREAM_IN_FLIGHT = 128;

/** The sooner of the request's own timeout and the deadline of the call. */
export function limitTimeout(request: Writable<InferRequest>, deadline: Date | number): void {
  const endMs = typeof deadline === 'number' ? deadline : deadline.getTime();
  if (!Number.isFinite(endMs)) return;
  const leftUs = Math.max(1, Math.floor((endMs - Date.now()) * 1000));
  request.timeoutUs = request.timeoutUs ? Math.min(request.timeoutUs, leftUs) : leftUs;
}

export function answerUnary(
  plane: DataPlane,
  log: Logger | undefined,
  call: ServerUnaryCall<Buffer, Uint8Array>,
  callback: sendUnaryData<Uint8Array>,
): void {
  // 'cancelled' also comes at the end of every call that was answered.
  let answered = false;
  const fail = (error: unknown): void => {
    answered = true;
    plane.refused(error);
    callback(statusOf(error, log));
  };
  try {
    const request = readInferRequest(call.request);
    limitTimeout(request, call.getDeadline());
    const gone = { aborted: call.cancelled };
    request.signal = gone;
    call.on('cancelled', () => {
      gone.aborted = !answered;
    });
    plane
      .infer(request)
      .then((answer) => {
        answered = true;
        callback(null, encodeInferWire(answer));
      })
      .catch(fail);
  } catch (error) {
    fail(error);
  }
}

/**
 * One ModelStreamInfer call: requests are worked on together and answered in the order in which they came (as Triton
 * answers models that give one answer each); a request that fails is answered by its error and the stream goes on.
 */
export class InferStream {
  readonly #plane: DataPlane;
  readonly #budget: BodyBudget;
  readonly #log: Logger | undefined;
  readonly #call: ServerDuplexStream<Buffer, Uint8Array>;
  /** Of the requests that wait, for when the client goes away. */
  readonly #waiting = new Set<{ aborted: boolean }>();
  #answered: Promise<void> = Promise.resolve();
  #inFlight = 0;
  #ending = false;
  /** Settles when the stream is over. */
  readonly closed: Promise<void>;

  constructor(
    plane: DataPlane,
    budget: BodyBudget,
    log: Logger | undefined,
    call: ServerDuplexStream<Buffer, Uint8Array>,
  ) {
    this.#plane = plane;
    this.#budget = budget;
    this.#log = log;
    this.#call = call;
    this.closed = new Promise((resolve) => {
      call.on('cancelled', resolve);
      call.on('close', resolve);
      call.on('finish', resolve);
    });
    call.on('cancelled', () => {
      for (const gone of this.#waiting) gone.aborted = true;
    });
    call.on('data', (bytes: Buffer) => this.#accept(bytes));
    call.on('end', () => this.#end(() => call.end()));
    call.on('error', () => {});
  }

  /** Ends the stream after what it has accepted is answered. */
  drain(): void {
    const details = 'The server is shutting down: open a new stream to another one';
    this.#end(() => this.#call.emit('error', { code: Status.UNAVAILABLE, details }));
  }

  #end(finish: () => void): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#answered.then(() => {
      if (!this.#call.cancelled) finish();
    });
  }

  #accept(bytes: Buffer): void {
    if (this.#ending) return;
    this.#inFlight++;
    if (this.#inFlight >= STREAM_IN_FLIGHT) this.#call.pause();
    const answer = this.#answer(bytes);
    this.#answered = this.#answered.then(async () => {
      const message = await answer;
      this.#inFlight--;
      if (this.#call.cancelled) return;
      if (!this.#call.write(message)) await this.#drained();
      if (this.#call.isPaused()) this.#call.resume();
    });
  }

  /** Resolves when the client has read on, or will never again. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#call.off('drain', done);
        this.#call.off('cancelled', done);
        resolve();
      };
      this.#call.on('drain', done);
      this.#call.on('cancelled', done);
      if (this.#call.cancelled) done();
    });
  }

  async #answer(bytes: Buffer): Promise<Uint8Array> {
    const gone = { aborted: this.#call.cancelled };
    this.#waiting.add(gone);
    const hold = this.#budget.hold();
    hold.set(bytes.length);
    let id = '';
    let final = false;
    try {
      const request = readInferRequest(bytes);
      id = request.id ?? '';
      final = request.wantsFinal ?? false;
      const refusal = this.#budget.refusal(0);
      if (refusal !== undefined) throw refusal;
      limitTimeout(request, this.#call.getDeadline());
      request.signal = gone;
      const answer = encodeStreamWire(await this.#plane.infer(request));
      return final ? markFinal(answer) : answer;
    } catch (error) {
      this.#plane.refused(error);
      return encodeStreamError(statusOf(error, this.#log).details, id, final);
    } finally {
      this.#waiting.delete(gone);
      hold.release();
    }
  }
}
