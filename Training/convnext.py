"""ConvNeXt block over time with its left and right context spelled out, so that it can stream."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class ConvNeXtBlock(nn.Module):
    """`[B, T, C]` to the same; sees `kernel - 1 - right` frames back and `right` ahead."""

    def __init__(self, channels, kernel=7, right=3, multiple=3):
        super().__init__()
        self.left, self.right = kernel - 1 - right, right
        self.dwconv = nn.Conv1d(channels, channels, kernel, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.pwconv1 = nn.Linear(channels, channels * multiple)
        self.pwconv2 = nn.Linear(channels * multiple, channels)
        self.gamma = nn.Parameter(torch.full((channels,), 0.1))

    def forward(self, x):
        y = self.dwconv(F.pad(x.transpose(1, 2), (self.left, self.right))).transpose(1, 2)
        return x + self.gamma * self.pwconv2(F.gelu(self.pwconv1(self.norm(y))))
