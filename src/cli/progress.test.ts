import { expect, it } from 'vitest';
import { Progress } from './progress.ts';

const CLEAR = '\r\x1b[2K';

it('Progress shows the time left on a terminal, and cleans up', () => {
  const written: string[] = [];
  let now = 0;
  const progress = new Progress('images', 1000, { isTTY: true, write: (text) => written.push(text) }, () => now);
  progress.update(10);
  now = 50;
  progress.update(20);
  // 250 images in 2 s: 750 more take 6 s; 10 in 2 s: 990 more take 198 s.
  now = 2000;
  progress.update(250);
  now = 4000;
  progress.update(20);
  progress.end();
  expect(written).toEqual([
    `${CLEAR}images 10/1000`,
    `${CLEAR}images 250/1000, 6 s left`,
    `${CLEAR}images 20/1000, 3 min 16 s left`,
    CLEAR,
  ]);
});

it('Progress judges the time left without what was done before', () => {
  const written: string[] = [];
  let now = 0;
  const terminal = { isTTY: true, write: (text: string) => written.push(text) };
  const progress = new Progress('step', 1000, terminal, () => now, false, 900);
  progress.update(900);
  // 20 steps in 2 s: 80 more take 8 s.
  now = 2000;
  progress.update(920);
  expect(written).toEqual([`${CLEAR}step 900/1000`, `${CLEAR}step 920/1000, 8 s left`]);
});

it('Progress is silent where nobody watches', () => {
  const written: string[] = [];
  const progress = new Progress('images', 10, { write: (text) => written.push(text) });
  progress.update(5);
  progress.end();
  expect(written).toEqual([]);
});
