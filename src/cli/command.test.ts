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
    [['help', 'fly'], "error: unknown command 'fly'; see skein --help"],
    [['--'], 'error: a command is missing; see skein --help'],
    [
      ['serve', 'x.onnx', '--port', '65536'],
      "error: option '--port <n>' argument '65536' is invalid. Expected a whole number from 0 to 65535.; see skein serve --help",
    ],
    [['profile', 'x.onnx', '--labels', 'a,b'], "error: unknown option '--labels'; see skein profile --help"],
    [['profile', 'x.onnx', '--workers', '2'], "error: unknown option '--workers'; see skein profile --help"],
    [['fly'], "error: unknown command 'fly'; see skein --help"],
    [[], 'error: a command is missing; see skein --help'],
    [['evaluate', 'x.onnx'], "error: required option '--data <source>' not specified; see skein evaluate --help"],
    [['evaluate', '--data', 'shapes'], "error: missing required argument 'model'; see skein evaluate --help"],
    [
      ['evaluate', 'x.onnx', '--data', 'shapes', '--limit', '0'],
      "error: option '--limit <n>' argument '0' is invalid. Expected a whole number from 1.; see skein evaluate --help",
    ],
    ...[' 5', '0x10', '', '1_0', 'Infinity'].map((text): [string[], string] => [
      ['train', 'lenet5', '--data', 'shapes', '-o', 'a.onnx', '--clip', text],
      `error: option '--clip <norm>' argument '${text}' is invalid. Expected a number from 1e-12 to ${Number.MAX_VALUE}.; see skein train --help`,
    ]),
    [
      ['train', 'lenet5', '--data', 'shapes', '-o', 'a.onnx', '--milestones', '0.5,0x1'],
      "error: option '--milestones <shares>' argument '0.5,0x1' is invalid. Expected numbers separated by commas.; see skein train --help",
    ],
    [
      ['train', 'lenet5', '--data', 'shapes', '-o', 'a.onnx', '--weight-decay', '1e7'],
      "error: option '--weight-decay <n>' argument '1e7' is invalid. Expected a number from 0 to 1000000.; see skein train --help",
    ],
    [['profile', 'x.onnx', '--nonsense'], "error: unknown option '--nonsense'; see skein profile --help"],
  ])('%j: code 2 and one line', async (args, line) => {
    expect(await runProgram(makeProgram('1.0.0'), args)).toBe(2);
    expect(stderr).toBe(`${line}\n`);
  });

  it.each(makeProgram('1.0.0').commands.map((command) => command.name()))(
    'help %s says what its --help says',
    async (name) => {
      let stdout = '';
      vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
        stdout += text;
        return true;
      });
      expect(await runProgram(makeProgram('1.0.0'), [name, '--help'])).toBe(0);
      const asked = stdout;
      stdout = '';
      expect(await runProgram(makeProgram('1.0.0'), ['help', name])).toBe(0);
      expect(stdout).toBe(asked);
      expect(stdout).toContain(`Usage: skein ${name}`);
    },
  );
});
