import { defineConfig } from 'vitest/config';

// The tests run as compiled by tsc, so that what is tested is what is shipped, worker threads included.
export default defineConfig({
  test: {
    include: ['dist/src/**/*.test.js', 'dist/test/**/*.test.js'],
    exclude: [],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
