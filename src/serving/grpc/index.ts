export { createGrpcServer, type GrpcServer, type GrpcServerOptions } from './grpc-server.ts';
