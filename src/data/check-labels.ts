/** Whether labels fit the classes that they are for: those of a source, or the outputs of a model. */
import { SkeinError } from '../base/index.ts';

/**
 * @param subject for messages: `Cannot read data 'x'`
 * @param name of image i, for messages
 * @throws {SkeinError} 'corrupt' where a label is not from 0 to `classes` - 1
 */
export function checkLabels(subject: string, labels: Int32Array, classes: number, name: (i: number) => string): void {
  const wrong = labels.findIndex((label) => label < 0 || label >= classes);
  if (wrong === -1) return;
  throw new SkeinError(
    'corrupt',
    `${subject}: expected labels from 0 to ${classes - 1}, received ${labels[wrong]} for '${name(wrong)}'`,
  );
}
