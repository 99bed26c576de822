/**
 * What every process that trains for the benchmark says and hears: a line of JSON with its name, then for each line of
 * standard input, a number of seconds, how many steps it took in them (a StepsReport).
 */
import { createInterface } from 'node:readline';

export interface StepsReport {
  readonly steps: number;
  readonly seconds: number;
  /** Of the last step. */
  readonly loss: number;
}

/** @param step one whole step of training; gives the loss */
export async function answerSeconds(name: string, step: () => Promise<number>): Promise<void> {
  console.log(JSON.stringify({ name }));
  for await (const line of createInterface({ input: process.stdin })) {
    const start = performance.now();
    let steps = 0;
    let loss = Number.NaN;
    do {
      loss = await step();
      steps++;
    } while (performance.now() - start < Number(line) * 1000);
    const report: StepsReport = { steps, seconds: (performance.now() - start) / 1000, loss };
    console.log(JSON.stringify(report));
  }
}
