import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runProgram } from './command.ts';
import { makeProgram } from './program.ts';

describe('runProgram()', () => {
  let stderr: string;
  beforeEach(() => {
    stderr = '';
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      stderr += text;
      return true;
    });
  });
  afterEach(() => vi.restoreAllMocks());

  it.each([
    [['fly'], "error: unknown command 'fly'; see skein --help"],
    [[], 'error: a command is missing; see skein --help'],
    [['evaluate', 'x.onnx'], "error: required option '--data <source>' not specified; see skein evaluate --help"],
    [['evaluate', '--data', 'shapes'], "error: missing required argument 'model'; see skein evaluate --help"],
    [
      ['evaluate', 'x.onnx', '--data', 'shapes', '--limit', '0'],
      "error: option '--limit <n>' argument '0' is invalid. Expected a whole number from 1.; see skein evaluate --help",
    ],
    [['profile', 'x.onnx', '--nonsense'], "error: unknown option '--nonsense'; see skein profile --help"],
  ])('%j: code 2 and one line', async (args, line) => {
    expect(await runProgram(makeProgram('1.0.0'), args)).toBe(2);
    expect(stderr).toBe(`${line}\n`);
  });
});
