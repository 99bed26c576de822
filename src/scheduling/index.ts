export * from './adaptive-batch-size.ts';
export * from './choose-queue.ts';
export * from './request-queue.ts';
export * from './service-time.ts';
