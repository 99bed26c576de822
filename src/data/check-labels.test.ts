import { expect, it } from 'vitest';
import { checkLabels } from './check-labels.ts';

const name = (i: number) => `image ${i}`;

it('checkLabels() takes labels below the number of classes and names the first other one', () => {
  checkLabels("Cannot train on 'x'", Int32Array.of(0, 9, 3), 10, name);
  for (const label of [10, -1]) {
    expect(() => checkLabels("Cannot train on 'x'", Int32Array.of(0, 9, label, 12), 10, name)).toThrow(
      expect.objectContaining({
        code: 'corrupt',
        message: `Cannot train on 'x': expected labels from 0 to 9, received ${label} for 'image 2'`,
      }),
    );
  }
});
