import { expect, it } from 'vitest';
import { SkeinError } from '../base/index.ts';
import { ServerMetrics } from './metrics.ts';

const reading = { model: 'm', version: '1', inFlight: 2, nodes: [{ path: 'root', rows: 4, waitingRows: 3 }] };

it('ServerMetrics shows what was counted in the text format of Prometheus', async () => {
  const metrics = new ServerMetrics(() => [reading]);
  const counts = metrics.forModel('m', '1');
  counts.succeeded(4, 0.004);
  counts.failed('queue-full', 0.3);
  counts.node('root').batch(4, 0.002);
  counts.part('root.parallel.0');
  counts.part('root.parallel.1').late++;
  counts.part('root.parallel.1').answered(0.004);
  counts.part('root.parallel.1').failures++;
  metrics.workerDied('decode');

  const { body } = await metrics.page();

  // The format: https://prometheus.io/docs/instrumenting/exposition_formats/
  expect(body).toContain('# TYPE skein_requests_total counter\n');
  expect(body).toContain('skein_requests_total{model="m",version="1",outcome="ok"} 1\n');
  expect(body).toContain('skein_requests_total{model="m",version="1",outcome="failed"} 1\n');
  expect(body).toContain('skein_request_failures_total{model="m",version="1",reason="queue-full"} 1\n');
  expect(body).toContain('skein_images_total{model="m",version="1"} 4\n');
  expect(body).toContain('# TYPE skein_request_duration_seconds histogram\n');
  expect(body).toContain('skein_request_duration_seconds_bucket{model="m",version="1",outcome="ok",le="0.003"} 0\n');
  expect(body).toContain('skein_request_duration_seconds_bucket{model="m",version="1",outcome="ok",le="0.005"} 1\n');
  expect(body).toContain('skein_request_duration_seconds_bucket{model="m",version="1",outcome="ok",le="+Inf"} 1\n');
  expect(body).toContain('skein_request_duration_seconds_sum{model="m",version="1",outcome="ok"} 0.004\n');
  expect(body).toContain('skein_request_duration_seconds_count{model="m",version="1",outcome="failed"} 1\n');
  expect(body).toContain('skein_batch_size_rows_bucket{model="m",version="1",node="root",le="4"} 1\n');
  expect(body).toContain('skein_requests_in_flight{model="m",version="1"} 2\n');
  expect(body).toContain('skein_queue_rows{model="m",version="1",node="root"} 3\n');
  expect(body).toContain('skein_node_share_ratio{model="m",version="1",node="root"} 1\n');
  expect(body).toContain('skein_late_parts_total{model="m",version="1",node="root.parallel.0"} 0\n');
  expect(body).toContain('skein_late_parts_total{model="m",version="1",node="root.parallel.1"} 1\n');
  expect(body).toContain('skein_part_failures_total{model="m",version="1",node="root.parallel.0"} 0\n');
  expect(body).toContain('skein_part_failures_total{model="m",version="1",node="root.parallel.1"} 1\n');
  expect(body).toContain(
    'skein_part_duration_seconds_bucket{model="m",version="1",node="root.parallel.1",le="0.005"} 1\n',
  );
  expect(body).toContain('skein_part_duration_seconds_count{model="m",version="1",node="root.parallel.0"} 0\n');
  expect(body).toContain('skein_worker_deaths_total{pool="decode"} 1\n');
  expect(body).toMatch(/^process_resident_memory_bytes [1-9]\d+$/m);
});

it('ServerMetrics keeps the counts of a version while it is loaded anew, and drops them with the last deployment', async () => {
  const metrics = new ServerMetrics(() => []);
  metrics.forModel('m', '1').succeeded(1, 0.001);
  metrics.forModel('m', '1').succeeded(1, 0.001);
  const page = async () => (await metrics.page()).body;

  metrics.release('m', '1');
  expect(await page()).toContain('skein_requests_total{model="m",version="1",outcome="ok"} 2\n');

  metrics.release('m', '1');
  expect(await page()).not.toContain('model="m"');
});

it('ServerMetrics counts what was refused before a model was asked, and nothing twice', async () => {
  const metrics = new ServerMetrics(() => []);
  const ofModel = new SkeinError('queue-full', 'no room');
  metrics.counted(ofModel);
  metrics.refused(ofModel);
  metrics.refused(new SkeinError('not-found', 'no such model'));
  metrics.refused(new SyntaxError('a defect'));

  const { body } = await metrics.page();

  expect(body).not.toContain('skein_refused_requests_total{reason="queue-full"}');
  expect(body).toContain('skein_refused_requests_total{reason="not-found"} 1\n');
  expect(body).toContain('skein_refused_requests_total{reason="internal"} 1\n');
});
