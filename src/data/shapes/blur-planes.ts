/**
 * A lens out of focus: each pixel becomes the mean of its surroundings, twice across and twice down. Sums and products
 * only, so that it is the same to the bit on every machine.
 */

/**
 * @param planes side×side numbers each, which are overwritten and returned
 * @param radius of the mean, in pixels, fractions included: 2 × radius + 1 pixels wide. Beyond the border its pixels go on.
 * The result is blurred with a variance of about 2 × (width² - 1) / 12 pixels² each way.
 */
export function blurPlanes(planes: Float32Array, side: number, radius: number): Float32Array {
  if (radius === 0) return planes;
  const area = side * side;
  const line = new Float64Array(side);
  for (let start = 0; start < planes.length; start += area) {
    for (let i = 0; i < side; i++) {
      for (let pass = 0; pass < 2; pass++) {
        blurLine(planes, start + i * side, 1, line, radius);
      }
    }
    for (let i = 0; i < side; i++) {
      for (let pass = 0; pass < 2; pass++) {
        blurLine(planes, start + i, side, line, radius);
      }
    }
  }
  return planes;
}

/** Every `step`th number from `start`; `line` is as long as they are many. */
function blurLine(numbers: Float32Array, start: number, step: number, line: Float64Array, radius: number): void {
  const last = line.length - 1;
  const whole = Math.floor(radius);
  const part = radius - whole;
  for (let i = 0; i <= last; i++) line[i] = numbers[start + i * step] as number;
  const at = (i: number) => line[Math.min(Math.max(i, 0), last)] as number;
  for (let i = 0; i <= last; i++) {
    let sum = part * (at(i - whole - 1) + at(i + whole + 1));
    for (let k = -whole; k <= whole; k++) sum += at(i + k);
    numbers[start + i * step] = sum / (2 * radius + 1);
  }
}
