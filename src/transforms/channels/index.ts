export * from './channel-groups.ts';
export type * from './channel-layout.ts';
export { CHANNEL_RULES, channelRuleOf } from './channel-rules.ts';
export * from './narrowing.ts';
