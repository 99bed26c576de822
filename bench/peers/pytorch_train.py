"""`skein train` written in PyTorch, for comparing accuracies: the same architecture, images, augmentation, batches, optimizer
and rate at each step. `train` goes on from the epoch that it was stopped after; `evaluate` says how many images of another
archive the weights get right."""

import argparse
import io
import json
import math
import os
import tarfile
import time

import numpy
import torch
import torch.nn.functional as F
from PIL import Image

from resnet_cifar import ResNet, sgd

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
PADDING = 4


def read_images(path):
    """A tar of split/class/name: uint8 [N, 3, H, W] and labels, classes in the order of their names."""
    images, classes = [], []
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile():
                classes.append(member.name.split("/")[-2])
                with Image.open(io.BytesIO(archive.extractfile(member).read())) as image:
                    images.append(numpy.asarray(image.convert("RGB")).transpose(2, 0, 1))
    order = {name: i for i, name in enumerate(sorted(set(classes)))}
    return torch.from_numpy(numpy.stack(images)), torch.tensor([order[name] for name in classes])


def normalized(images):
    return (images.float() / 255 - MEAN) / STD


def varied(padded, picked, size, generator):
    """Crops at random places out of padded images, every other one mirrored."""
    count = len(picked)
    top = torch.randint(2 * PADDING + 1, (count, 1), generator=generator)
    left = torch.randint(2 * PADDING + 1, (count, 1), generator=generator)
    flip = torch.randint(2, (count, 1), generator=generator).bool()
    places = torch.arange(size).expand(count, size)
    rows = top + places
    columns = left + torch.where(flip, size - 1 - places, places)
    channels = torch.arange(3).view(1, 3, 1, 1)
    return padded[picked.view(-1, 1, 1, 1), channels, rows.view(count, 1, size, 1), columns.view(count, 1, 1, size)]


@torch.no_grad()
def correct(model, images, labels, batch):
    model.eval()
    pairs = zip(images.split(batch), labels.split(batch))
    return sum(int((model(normalized(x)).argmax(1) == y).sum()) for x, y in pairs)


def train(options):
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    images, labels = read_images(options.data)
    size = images.shape[-1]
    padded = F.pad(images, (PADDING,) * 4)
    model = ResNet(options.depth)
    optimizer = sgd(model, options.rate)
    per_epoch = math.ceil(len(images) / options.batch)
    steps = per_epoch * options.epochs
    held_out = read_images(options.val) if options.val else None
    checkpoint = f"{options.output}.checkpoint"
    first = 0
    if os.path.exists(checkpoint):
        saved = torch.load(checkpoint)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        generator.set_state(saved["generator"])
        first = saved["epoch"]
    for epoch in range(first, options.epochs):
        model.train()
        start = time.perf_counter()
        total, right = 0.0, 0
        order = torch.randperm(len(images), generator=generator)
        for i, picked in enumerate(order.split(options.batch)):
            rate = options.rate * (1 + math.cos(math.pi * (epoch * per_epoch + i) / steps)) / 2
            for group in optimizer.param_groups:
                group["lr"] = rate
            x, y = normalized(varied(padded, picked, size, generator)), labels[picked]
            optimizer.zero_grad()
            logits = model(x)
            loss = F.cross_entropy(logits, y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(picked)
            right += int((logits.argmax(1) == y).sum())
        report = {
            "epoch": epoch + 1,
            "loss": total / len(images),
            "accuracy": right / len(images),
            "seconds": time.perf_counter() - start,
        }
        if held_out is not None:
            report["held_out"] = correct(model, *held_out, options.batch) / len(held_out[0])
        print(json.dumps(report), flush=True)
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save({**state, "generator": generator.get_state(), "epoch": epoch + 1}, f"{checkpoint}.new")
        os.replace(f"{checkpoint}.new", checkpoint)
    torch.save(model.state_dict(), options.output)
    os.remove(checkpoint)


def evaluate(options):
    model = ResNet(options.depth)
    model.load_state_dict(torch.load(options.output))
    images, labels = read_images(options.data)
    print(json.dumps({"accuracy": correct(model, images, labels, options.batch) / len(images), "images": len(images)}))


parser = argparse.ArgumentParser()
parser.add_argument("what", choices=("train", "evaluate"))
parser.add_argument("--depth", type=int, required=True)
parser.add_argument("--data", required=True)
parser.add_argument("--val")
parser.add_argument("--output", required=True, help="the weights")
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--rate", type=float, default=0.1)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--threads", type=int, default=2)
given = parser.parse_args()
torch.set_num_threads(given.threads)
train(given) if given.what == "train" else evaluate(given)
