"""One training run: a budget in minutes, a learning-rate schedule over it, checkpoints from which it goes on."""
import math
import os
import time

import numpy as np
import torch

from features import DATA


class Run:
    """`python X.py MINUTES` trains for that long in all; stopped and started again it goes on where it was."""

    def __init__(self, name, minutes, modules, optimizers):
        self.path, self.minutes = os.path.join(DATA, f"{name}.pt"), minutes
        self.modules, self.optimizers = modules, optimizers
        self.rates = [[g["lr"] for g in o.param_groups] for o in optimizers]
        self.step, self.before, self.began, self.saved, self.sums = 0, 0.0, time.time(), time.time(), []
        if os.path.exists(self.path):
            state = torch.load(self.path, weights_only=False)
            for m, s in zip(modules, state["modules"]):
                m.load_state_dict(s)
            for o, s in zip(optimizers, state["optimizers"]):
                o.load_state_dict(s)
            self.step, self.before = state["step"], state["minutes"]
            print(f"going on at step {self.step}, {self.before:.1f} min", flush=True)

    @property
    def spent(self):
        return self.before + (time.time() - self.began) / 60

    @property
    def part(self):
        return self.spent / self.minutes

    def schedule(self, hold=0.0, floor=0.02, warmup=100):
        """Warm up, hold, then fall: linearly if `hold` is given, else as a cosine."""
        fall = (1 - self.part) / (1 - hold) if hold else 0.5 * (1 + math.cos(math.pi * min(1, self.part)))
        scale = min(1, (self.step + 1) / warmup) * max(floor, min(1, fall))
        for optimizer, rates in zip(self.optimizers, self.rates):
            for group, rate in zip(optimizer.param_groups, rates):
                group["lr"] = rate * scale

    def done(self, **figures):
        """Counts a step; prints figures, saves; true when the budget is spent."""
        self.step += 1
        self.sums.append(list(figures.values()))
        if self.step % 50 == 0:
            means = " ".join(f"{k} {v:.4f}" for k, v in zip(figures, np.mean(self.sums, 0)))
            print(f"[{'#' * int(20 * self.part):20}] {self.spent:6.1f}/{self.minutes:.0f} min step {self.step} {means}", flush=True)
            self.sums = []
        over = self.part >= 1
        if over or time.time() - self.saved > 180:
            self.save()
        return over

    def save(self):
        torch.save({"modules": [m.state_dict() for m in self.modules], "optimizers": [o.state_dict() for o in self.optimizers],
                    "step": self.step, "minutes": self.spent}, self.path + ".new")
        os.replace(self.path + ".new", self.path)
        self.saved = time.time()


def load(module, name, index=0):
    module.load_state_dict(torch.load(os.path.join(DATA, f"{name}.pt"), weights_only=False)["modules"][index])
    return module.eval()
