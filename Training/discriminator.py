"""Tells true mels from made ones, patch by patch; for training only."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class MelDiscriminator(nn.Module):
    """Log-mels of unit variance `[B, 80, T]` and voice indices `[B]` to a verdict on each patch, above 0 for true."""

    def __init__(self, voices, width=32):
        super().__init__()
        self.voice = nn.Embedding(voices, 80)
        shapes = [(2, width, 5, (1, 1)), (width, width, 5, (1, 2)), (width, 2 * width, 5, (2, 2)),
                  (2 * width, 2 * width, 5, (1, 2)), (2 * width, 2 * width, 3, (1, 1)), (2 * width, 1, 3, (1, 1))]
        self.convolutions = nn.ModuleList([
            nn.utils.parametrizations.weight_norm(nn.Conv2d(i, o, (3, kernel), stride, (1, kernel // 2))) for i, o, kernel, stride in shapes])

    def forward(self, mel, voice):
        """The verdicts, and what every layer made of the mel."""
        x = torch.stack([mel.transpose(1, 2), self.voice(voice)[:, None].expand(-1, mel.shape[2], -1)], 1)
        layers = []
        for convolution in self.convolutions[:-1]:
            x = F.leaky_relu(convolution(x), 0.1)
            layers.append(x)
        return self.convolutions[-1](x).float(), layers

    def hinge(self, true, made, voice):
        """What the discriminator minimises; 2 when it can't tell."""
        return F.relu(1 - self(true, voice)[0]).mean() + F.relu(1 + self(made, voice)[0]).mean()

    def deceived(self, true, made, voice):
        """What the model minimises: how well it is found out, and how far its layers are from the true mel's."""
        self.requires_grad_(False)
        verdict, layers = self(made, voice)
        with torch.no_grad():
            _, wanted = self(true, voice)
        self.requires_grad_(True)
        apart = [(a.float() - b.float()).abs().mean() / (b.float().abs().mean() + 1e-3) for a, b in zip(layers, wanted)]
        return -verdict.mean(), sum(apart) / len(apart)
