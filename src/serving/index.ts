export type { DataPlane, InferRequest, InferResponse } from './protocol.ts';
export { type RunningServer, type ServerOptions, startServer } from './server.ts';
