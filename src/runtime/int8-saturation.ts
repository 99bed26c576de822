/**
 * Whether the processor's products of unsigned with signed bytes can be wrong. x86 without VNNI adds two of them into 16
 * bits, which saturate (pmaddubsw: 2 · 255 · 127 > 2^15 − 1). ONNX Runtime has an option that avoids this
 * (`session.x64quantprecision`: weights become unsigned, in slower kernels), but it goes by whether the kernels differ and
 * not by whether they saturate (MlasPlatformU8S8Overflow), and makes processors with VNNI two and a half times slower for
 * nothing. Weights within ±64, as of 7 bits, keep the fast kernels either way.
 */
import { readFileSync } from 'node:fs';

type ReadText = (path: string) => string | undefined;

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** True also where it cannot be known. `read` and `arch` stand in for the machine in tests. */
export function saturatesInt8(read: ReadText = readText, arch: string = process.arch): boolean {
  if (arch !== 'x64' && arch !== 'ia32') return false;
  const flags = /^flags\s*:(.*)$/m.exec(read('/proc/cpuinfo') ?? '')?.[1]?.split(/\s+/) ?? [];
  return !flags.includes('avx512_vnni') && !flags.includes('avx_vnni');
}
