"""Training steps of ResNet-20 in PyTorch on CPU, on one batch that lies ready. Arguments: batch, threads. Says what it is
in a line of JSON, then answers each line of standard input, a number of seconds, with what it did in them."""

import json
import sys
import time

import torch
import torch.nn.functional as F

from resnet_cifar import ResNet, sgd

batch, threads = int(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
torch.manual_seed(0)
model = ResNet(20).train()
optimizer = sgd(model, 0.01)
images = torch.randn(batch, 3, 32, 32)
labels = torch.arange(batch) % 10


def step():
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


print(json.dumps({"name": f"PyTorch {torch.__version__}"}), flush=True)
for line in sys.stdin:
    seconds = float(line)
    steps = 0
    start = time.perf_counter()
    while True:
        loss = step()
        steps += 1
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            break
    print(json.dumps({"steps": steps, "seconds": elapsed, "loss": loss}), flush=True)
