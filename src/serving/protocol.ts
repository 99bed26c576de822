/**
 * What a request means, in no protocol's words: the tensors and answers that HTTP and gRPC translate to and from. Names
 * of datatypes are those of the Open Inference Protocol ('FP32', 'BYTES').
 */
import type { Cancellation } from '../base/index.ts';

/** A tensor as it came: its bytes (little-endian, BYTES elements with a 4-byte length before each), or its elements. */
export type InputContent =
  | { readonly raw: Uint8Array }
  /** From JSON, possibly nested as the shape is; or the flat typed contents of gRPC. BYTES elements: strings or bytes. */
  | { readonly values: ArrayLike<unknown> };

export interface InferInput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly content: InputContent;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

export interface RequestedOutput {
  readonly name: string;
  /** Classification extension: the best k classes as BYTES `score:index:label` instead of the scores. */
  readonly classification?: number;
}

export interface InferRequest {
  readonly model: string;
  /** The newest ready version where absent or ''. */
  readonly version?: string;
  readonly id?: string;
  readonly inputs: readonly InferInput[];
  /** All outputs where absent or empty. */
  readonly outputs?: readonly RequestedOutput[];
  /** Schedule policy extension: 1 is the highest, 10 the lowest; 0, absent, or any other: the default, 5. */
  readonly priority?: number;
  /** Schedule policy extension: microseconds that the answer may take; 0 or absent: no deadline. */
  readonly timeoutUs?: number;
  /** Aborted when the client has gone. */
  readonly signal?: Cancellation;
}

export interface InferOutput {
  readonly name: string;
  readonly datatype: 'FP32' | 'BYTES';
  readonly shape: readonly number[];
  readonly data: Float32Array | readonly string[];
}

/** What an answer says of itself beside its scores. */
export interface AnswerParameters {
  /** The places of the parts in the plan that it was given without, as they were late, with commas between. */
  readonly skein_late_parts: string;
}

export interface InferResponse {
  readonly model: string;
  readonly version: string;
  readonly id?: string;
  readonly parameters?: AnswerParameters;
  readonly outputs: readonly InferOutput[];
}

export interface ClassifyRequest {
  readonly model: string;
  readonly version?: string;
  /** A JPEG, PNG, WebP … file. */
  readonly image: Uint8Array;
  readonly priority?: number;
  readonly timeoutUs?: number;
  readonly signal?: Cancellation;
}

/** The answer of `classify`, as it stands in JSON. */
export interface Classification {
  readonly model: string;
  readonly version: string;
  /** The name of the most probable class. */
  readonly label: string;
  /** Its index. */
  readonly class: number;
  readonly probability: number;
  /** Of every class, in the order of the labels. */
  readonly probabilities: readonly number[];
  readonly parameters?: AnswerParameters;
}

export interface ServerMetadata {
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  /** -1 for the batch dimension. */
  readonly shape: readonly number[];
}

export interface ModelMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

/** The part of Triton's ModelConfig (model_config.proto, in its JSON names) that says something about a Skein model. */
export interface ModelConfig {
  readonly name: string;
  readonly platform: string;
  readonly backend: string;
  readonly max_batch_size: number;
  readonly input: readonly {
    readonly name: string;
    readonly data_type: `TYPE_${string}`;
    readonly dims: readonly number[];
  }[];
  readonly output: readonly {
    readonly name: string;
    readonly data_type: `TYPE_${string}`;
    readonly dims: readonly number[];
    readonly label_filename: string;
  }[];
  readonly dynamic_batching: { readonly priority_levels: number; readonly default_priority_level: number };
  readonly instance_group: readonly { readonly name: string; readonly kind: 'KIND_CPU'; readonly count: number }[];
}

export interface DurationStatistics {
  readonly count: number;
  /** Nanoseconds, all together. */
  readonly ns: number;
}

/** Triton's statistics extension, in its JSON names. */
export interface ModelStatistics {
  readonly name: string;
  readonly version: string;
  /** Milliseconds since the epoch; 0: never. */
  readonly last_inference: number;
  readonly inference_count: number;
  readonly execution_count: number;
  readonly inference_stats: {
    readonly success: DurationStatistics;
    readonly fail: DurationStatistics;
    readonly queue: DurationStatistics;
    readonly compute_input: DurationStatistics;
    readonly compute_infer: DurationStatistics;
    readonly compute_output: DurationStatistics;
    readonly cache_hit: DurationStatistics;
    readonly cache_miss: DurationStatistics;
  };
  readonly batch_stats: readonly {
    readonly batch_size: number;
    readonly compute_input: DurationStatistics;
    readonly compute_infer: DurationStatistics;
    readonly compute_output: DurationStatistics;
  }[];
}

export interface RepositoryEntry {
  readonly name: string;
  readonly version: string;
  readonly state: 'UNKNOWN' | 'READY' | 'UNAVAILABLE' | 'LOADING' | 'UNLOADING';
  readonly reason: string;
}

/**
 * Everything that a protocol can ask for. Every method throws SkeinError: 'not-found' for an unknown model or version,
 * 'unavailable' for one that is not ready, 'invalid-argument' for a request that cannot be understood, and what
 * Predictor.predict throws.
 */
export interface DataPlane {
  /** True until the process ends. */
  live(): boolean;
  /** True once the models have been loaded, while there is one to ask and the server does not drain. */
  ready(): boolean;
  modelReady(model: string, version?: string): boolean;
  serverMetadata(): ServerMetadata;
  modelMetadata(model: string, version?: string): ModelMetadata;
  modelConfig(model: string, version?: string): ModelConfig;
  /** Of one version, all versions of a model, or all models. */
  statistics(model?: string, version?: string): readonly ModelStatistics[];
  infer(request: InferRequest): Promise<InferResponse>;
  classify(request: ClassifyRequest): Promise<Classification>;
  repositoryIndex(readyOnly: boolean): readonly RepositoryEntry[];
  /** Loads (or reloads) a model of the repository; settles when it serves or has failed. */
  loadModel(model: string): Promise<void>;
  /** Takes a model out of service; what it already accepted is answered first. */
  unloadModel(model: string): Promise<void>;
  /** A request is answered with this error: counted, unless it was when a model failed on it. */
  refused(error: unknown): void;
  /** The Prometheus metrics page and its content type. */
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
}
