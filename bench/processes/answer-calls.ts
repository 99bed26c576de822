/** The child's side of ../serving/child.ts: answers the parent's calls, one after another. */

export type Handlers = Readonly<Record<string, (argument: never) => unknown>>;

export interface Call {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

export interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

export function answerCalls(handlers: Handlers): void {
  let last: Promise<void> = Promise.resolve();
  process.on('message', ({ id, name, argument }: Call) => {
    last = last.then(async () => {
      try {
        const handler = handlers[name] as (argument: unknown) => unknown;
        process.send?.({ id, result: await handler(argument) } satisfies Reply);
      } catch (error) {
        process.send?.({ id, error: error instanceof Error ? error.message : String(error) } satisfies Reply);
      }
    });
  });
  // The parent has gone.
  process.on('disconnect', () => process.exit(0));
}
