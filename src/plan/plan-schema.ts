/**
 * The shape of plan.json. Node kinds stand in one total table: a kind that is not built yet has its row too, so that a
 * plan which uses it gets an answer of its own.
 */
import { z } from 'zod';
import { parallelSchema, problemOfParts } from './parallel-schema.ts';
import { type CompositeKind, childrenOf, type FieldsOf, isComposite, type ParallelFields } from './plan.ts';
import { child, didYouMean, finite, positiveInteger, show } from './schema-terms.ts';

export const PLAN_VERSION = 1;

export interface ModelFile {
  readonly model: string;
  readonly sha256?: string | undefined;
}

/** What a node holds stands under the name of its kind; classes are named. */
export type NodeFile =
  | ModelFile
  | { readonly [Kind in CompositeKind]: { readonly [K in Kind]: FieldsOf<NodeFile, string>[Kind] } }[CompositeKind];

export interface PlanFile {
  readonly skein: typeof PLAN_VERSION;
  readonly name: string;
  readonly input: {
    readonly name: string;
    readonly shape: readonly number[];
    readonly mean: readonly number[];
    readonly std: readonly number[];
  };
  readonly labels: readonly string[];
  readonly root: NodeFile;
}

const NODE_KINDS = ['model', 'cascade', 'parallel', 'separable', 'select', 'remote'] as const;
type NodeKind = (typeof NODE_KINDS)[number];

const ONNX_PATH = 'the path of an ONNX file';
const modelSchema = z.strictObject({
  // No system has a NUL in a path.
  model: z.string({ error: ONNX_PATH }).regex(/^[^\0]+$/, { error: ONNX_PATH }),
  sha256: z
    .string({ error: '64 hexadecimal digits' })
    .regex(/^[0-9a-fA-F]{64}$/, { error: '64 hexadecimal digits' })
    .optional(),
});

const cascadeSchema = z.strictObject({
  cascade: z.strictObject(
    {
      small: child,
      big: child,
      confidence: finite.min(0, { error: 'between 0 and 1' }).max(1, { error: 'between 0 and 1' }),
    },
    { error: 'an object with small, big and confidence' },
  ),
});

interface KindRule {
  readonly schema: z.ZodType;
  /**
   * What is wrong with a node that fits the schema, as one line.
   * @param labels the classes that it is to score; undefined inside a part, which scores "other" and some of them
   */
  readonly problem?: (node: object, path: string, labels: readonly string[] | undefined) => string | undefined;
  /** Whether its children score "other" and some of the labels. */
  readonly splitsLabels?: true;
}

const KIND_RULES: { readonly [Kind in CompositeKind | 'model']: KindRule } & {
  readonly [Kind in NodeKind]: KindRule | 'not yet';
} = {
  model: { schema: modelSchema },
  cascade: { schema: cascadeSchema },
  parallel: {
    schema: parallelSchema,
    splitsLabels: true,
    problem: (node, path, labels) =>
      labels === undefined
        ? `${path} must not be a 'parallel' node inside a part of another: give its parts to that one`
        : problemOfParts((node as { parallel: ParallelFields<unknown, string> }).parallel, `${path}.parallel`, labels),
  },
  separable: 'not yet',
  select: 'not yet',
  remote: 'not yet',
};

const NAME = "1 to 128 letters, digits, '.', '_' or '-' that start with a letter or digit";

const planSchema = z.strictObject(
  {
    skein: z.literal(PLAN_VERSION, { error: `${PLAN_VERSION}, the version of the format` }),
    name: z.string({ error: NAME }).regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, { error: NAME }),
    input: z.strictObject(
      {
        name: z.string({ error: 'the name of the input' }).min(1, { error: 'the name of the input' }).default('input'),
        shape: z
          .array(positiveInteger, { error: '[channels, height, width]' })
          .length(3, { error: '[channels, height, width]' }),
        mean: z.array(finite, { error: 'a number a channel' }),
        std: z.array(finite.positive({ error: 'above 0' }), { error: 'a number above 0 a channel' }),
      },
      { error: 'an object with name, shape, mean and std' },
    ),
    labels: z
      .array(z.string({ error: 'a string' }), { error: 'a list of at least 2 class names' })
      .min(2, { error: 'a list of at least 2 class names' }),
    root: child,
  },
  { error: 'an object' },
);

export type Checked =
  | { readonly plan: PlanFile }
  | { readonly problem: string /** The file may be right, Skein cannot do it. */; readonly unsupported?: boolean };

/** Checks what stood in a plan file; a problem is one line that starts with its place. */
export function checkPlanFile(json: unknown, maxDepth: number): Checked {
  const parsed = planSchema.safeParse(json);
  if (!parsed.success) return { problem: describeIssue(planSchema, parsed.error, json, '') };
  const { shape, mean, std } = parsed.data.input;
  for (const [place, values] of [
    ['input.mean', mean],
    ['input.std', std],
  ] as const) {
    if (values.length !== shape[0]) {
      return { problem: `${place} must be ${shape[0]} numbers, one a channel, received ${values.length}` };
    }
  }
  const wrong = checkNode(parsed.data.root, 'root', maxDepth, parsed.data.labels);
  return wrong ?? { plan: parsed.data as PlanFile };
}

function checkNode(
  node: unknown,
  path: string,
  depthLeft: number,
  labels: readonly string[] | undefined,
): (Checked & { problem: string }) | undefined {
  if (depthLeft === 0) return { problem: `${path} must not be nested as deep as it is` };
  if (typeof node !== 'object' || node === null || Array.isArray(node)) {
    return {
      problem: `${path} must be a node, an object with one of ${NODE_KINDS.join(', ')}, received ${show(node)}`,
    };
  }
  const kinds = NODE_KINDS.filter((kind) => Object.hasOwn(node, kind));
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    const received = Object.keys(node);
    const hint = kind === undefined ? didYouMean(received, NODE_KINDS) : '';
    return {
      problem: `${path} must have exactly one of ${NODE_KINDS.join(', ')}, received ${received.join(' and ') || 'none'}${hint}`,
    };
  }
  const rule = KIND_RULES[kind];
  if (rule === 'not yet') {
    return { problem: `${path} is a '${kind}' node, which Skein cannot run yet`, unsupported: true };
  }
  const parsed = rule.schema.safeParse(node);
  if (!parsed.success) return { problem: describeIssue(rule.schema, parsed.error, node, path) };
  const problem = rule.problem?.(node, path, labels);
  if (problem !== undefined) return { problem };
  if (!isComposite(kind)) return undefined;
  const fields = (node as Record<CompositeKind, FieldsOf<unknown, unknown>[CompositeKind]>)[kind];
  for (const each of childrenOf<CompositeKind, unknown>(kind, fields, path)) {
    const wrong = checkNode(each.child, each.path, depthLeft - 1, rule.splitsLabels ? undefined : labels);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function describeIssue(schema: z.ZodType, error: z.ZodError, whole: unknown, base: string): string {
  // A misspelt key is missing, too: what is there says more.
  const issue = (error.issues.find(({ code }) => code === 'unrecognized_keys') ?? error.issues[0]) as z.core.$ZodIssue;
  const place = [base, ...issue.path.map(String)].filter((part) => part !== '').join('.') || 'the file';
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, issue.path);
    const where = place === 'the file' ? 'the plan' : place;
    const hint = didYouMean(issue.keys.slice(0, 1), known);
    return `${where} has an unknown key '${issue.keys[0]}'${hint || ';'} ${hint ? 'It' : 'it'} may have ${known.join(', ')}`;
  }
  const received = issue.path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    whole,
  );
  return `${place} must be ${issue.message}, received ${show(received)}`;
}

/** The keys of the object at a place within what the schema describes. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const object = path.reduce<z.core.$ZodType | undefined>((at, key) => {
    if (at instanceof z.ZodArray) return at.element;
    return at instanceof z.ZodObject ? at.shape[String(key)] : undefined;
  }, schema);
  return object instanceof z.ZodObject ? Object.keys(object.shape) : [];
}
