export * from './skz.ts';
