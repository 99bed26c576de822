/** How a model came about: a list in its metadata, since what makes smaller models follows each other. */
import type { Model } from '../graph/index.ts';

const KEY = 'compressed';

/** @param step what was done now, in words and numbers */
export function withHistory(model: Model, step: object): Model {
  const metadata = new Map(model.metadata);
  metadata.set(KEY, JSON.stringify([...historyOf(metadata.get(KEY)), step]));
  return { ...model, metadata };
}

function historyOf(text: string | undefined): readonly unknown[] {
  try {
    const list: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}
