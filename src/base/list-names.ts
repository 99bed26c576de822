/** Names in a message: all of a few, the first of many with how many there are. */
export function listNames(names: readonly string[], most = 12): string {
  if (names.length <= most) return names.join(', ');
  return `${names.slice(0, most).join(', ')}, … (${names.length})`;
}
