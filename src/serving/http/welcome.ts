/** What a person sees who opens the server's address in a browser. */
import type { DataPlane } from '../protocol.ts';

/** Plain text: which models are here, and how to ask them. */
export function welcomeText(plane: DataPlane): string {
  const { name, version } = plane.serverMetadata();
  const models = plane.repositoryIndex(false);
  const lines = models.map((entry) => `  ${entry.name}  version ${entry.version || '-'}  ${entry.state.toLowerCase()}`);
  const example = models.find((entry) => entry.state === 'READY')?.name ?? '<model>';
  return [
    `${name} ${version}: image classifiers over the Open Inference Protocol v2.`,
    '',
    'Models:',
    ...(lines.length > 0 ? lines : ['  none']),
    '',
    `POST /v2/models/${example}/classify   an image file as the body; answers label and probabilities`,
    `POST /v2/models/${example}/infer      tensors, as JSON or binary`,
    `GET  /v2/models/${example}            its inputs and outputs; also /ready, /config, /stats`,
    'POST /v2/repository/index       every model and its state',
    'GET  /v2/health/ready           200 when there is a model to answer',
    'GET  /metrics                   for Prometheus',
    '',
  ].join('\n');
}
