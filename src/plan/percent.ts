/** A fraction of 1 for people: 0.8825 → '88.3 %'. Its own file, so that a command's words need nothing else of plan/. */
export function percent(fraction: number, decimals = 1): string {
  return `${(fraction * 100).toFixed(decimals)} %`;
}
