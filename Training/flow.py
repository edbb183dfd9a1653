"""Speech tokens -> mel: the reference's own classes, small.
Usage: python flow.py MINUTES, then python flow.py MINUTES adversarial, then python flow.py decode

The meanflow decoder is trained straight for its one step (t 0 -> r 1), by regression, from weights that pass the
encoder's mel through, then against a discriminator too (docs/adr/0004).  Crops carry the lookahead and the missing left
context that streaming has."""
import copy
import os
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import reference
import voices
from discriminator import MelDiscriminator
from features import DATA, Shard
from tokenizer import digits
from training import Run, load

LOOKAHEAD = 3
CONTEXT = 12                            # frames at the start of a crop, of which less is asked
SPEAKERS = torch.from_numpy(np.stack([voices.embedding(n, 192) for n in voices.NAMES]))


class Mish(torch.autograd.Function):
    """x tanh(softplus(x)); torch's own backward on CPUs is not vectorised in bf16."""

    @staticmethod
    def forward(ctx, x):
        e = torch.exp(x.clamp(max=15))
        n = e * (e + 2)
        t = n / (n + 2)
        ctx.save_for_backward(x, t)
        return x * t

    @staticmethod
    def backward(ctx, grad):
        x, t = ctx.saved_tensors
        return grad * (t + x * (1 - t * t) * torch.sigmoid(x))


class Trainee(nn.Module):
    """The flow, and a table over FSQ digits that its token embedding is the sum of until export folds it in."""

    def __init__(self):
        super().__init__()
        self.flow = reference.flow()
        self.digits = nn.Linear(8, reference.S3GEN["input_size"], bias=False)
        nn.init.normal_(self.flow.input_embedding.weight, 0, 0.01)
        final = self.flow.decoder.estimator.final_block
        block = final.forward

        def exact(x, mask):
            with torch.autocast("cpu", enabled=False):                   # differences of large numbers
                return block(x.float(), mask)
        final.forward = exact
        from diffusers.models.attention_processor import AttnProcessor
        for module in self.flow.decoder.estimator.modules():
            if isinstance(module, nn.Mish):
                module.forward = Mish.apply
            if hasattr(module, "set_processor"):
                module.set_processor(AttnProcessor())     # torch's fused attention is slow backwards on CPUs

    @torch.no_grad()
    def pass_through(self):
        """Sets the decoder to `mu - noise`, so that one step gives mu: what it then learns is only what mu lacks.  From
        random weights it spends thousands of steps on carrying 80 numbers of noise through so narrow a network."""
        net = self.flow.decoder.estimator
        width = net.final_proj.in_channels
        centre, scale, base = 5.0, 0.25, 4.0

        def identity(conv, inputs):
            conv.weight.zero_()
            conv.bias.zero_()
            for i in range(min(width, inputs)):
                conv.weight[i, i, -1] = 1

        stages = [*net.down_blocks, *net.mid_blocks, *net.up_blocks]
        for stage in stages:
            resnet, transformers = stage[0], stage[1]
            resnet.block2.block[2].weight.mul_(0.01)                    # the norm's gain: adds almost nothing
            for block in transformers:
                block.attn1.to_out[0].weight.mul_(0.01)
                block.ff.net[-1].weight.mul_(0.01)
            identity(resnet.res_conv, resnet.res_conv.in_channels)
            if len(stage) == 3:
                identity(stage[2], width)
        first = net.down_blocks[0][0].res_conv                           # inputs: noise, mu, speaker, prompt
        first.weight.zero_()
        for i in range(80):
            first.weight[i, i, 0], first.weight[i, 80 + i, 0], first.bias[i] = -1, 1, centre
        conv, norm = net.final_block.block[0], net.final_block.block[2]
        conv.weight.zero_()
        for i in range(width):
            if i < 80:
                conv.weight[i, i, -1] = scale
            conv.bias[i] = base * (width - 80) / 80 if i < 80 else -base
        # constants dominate the norm and a shift keeps Mish straight, so that the block is almost linear
        norm.weight.fill_(1)
        norm.bias.fill_(6)
        deviation = base * ((width - 80) / 80) ** 0.5
        net.final_proj.weight.zero_()
        for i in range(80):
            net.final_proj.weight[i, i, 0] = deviation / scale
            net.final_proj.weight[i, 80:, 0] = -deviation / scale / (width - 80)
        net.final_proj.bias.fill_(-centre - base * width / 80 / scale)

    def mu(self, tokens, finalize):
        """`[B, T]` tokens to `[B, 80, 2 T]`, without the lookahead's frames unless `finalize`."""
        x = self.flow.input_embedding(tokens) + self.digits(digits(tokens).float())
        h, _ = self.flow.encoder(x, torch.full((len(tokens),), tokens.shape[1]))
        h = self.flow.encoder_proj(h if finalize else h[:, :-2 * LOOKAHEAD])
        return h.transpose(1, 2)

    def mel(self, mu, speaker, noise):
        """One meanflow step from `noise`, `[B, 80, T]`."""
        count = len(mu)
        speaker = self.flow.spk_embed_affine_layer(F.normalize(speaker, dim=1))
        move = self.flow.decoder.estimator(noise, torch.ones(count, 1, mu.shape[2]), mu, torch.zeros(count), speaker,
                                           torch.zeros_like(noise), torch.ones(count))
        return noise + move

    def folded(self):
        """State dict with the reference's keys, the digit table folded into the embedding."""
        state = {k: v.clone() for k, v in self.flow.state_dict().items()}
        state["input_embedding.weight"] += digits(torch.arange(6561)).float() @ self.digits.weight.T
        return state


def distance(a, b, deviation):
    """Mean over frames of the norm over one frame, and over four adjoining frames, of a difference `[B, 80, T]`."""
    square = ((a - b) / deviation).pow(2).mean(1)
    patch = F.avg_pool1d(square[:, None], 4, 2)
    return torch.sqrt(square + 1e-6).mean() + torch.sqrt(patch + 1e-6).mean()


class Crops:
    """Endless batches of crops of the training utterances."""

    def __init__(self, seed):
        self.rng, self.shards = np.random.default_rng(seed), [Shard(0), Shard(1)]
        self.tokens = [np.fromfile(os.path.join(DATA, f"{r}.token.i16"), np.int16) for r in (0, 1)]
        items = [(k, m) for k, s in enumerate(self.shards) for m in s.meta if m["frames"] >= 2 * 24]
        lengths = np.array([m["frames"] // 2 for _, m in items])
        order = np.argsort(lengths, kind="stable")
        self.items, self.lengths = [items[i] for i in order], lengths[order]
        sample = torch.from_numpy(self.shards[0].voiced[:400000:20].astype(np.float32))
        self.mean, self.deviation = sample.mean(0)[None, :, None], sample.std(0)[None, :, None]

    def __iter__(self):
        """Yields tokens `[B, T + lookahead]`, mel `[B, 80, 2 T]`, voice indices `[B]`, weights of the frames `[B, 1, 2 T]`
        and whether the crop ends with its utterance (then there is no lookahead)."""
        rng = self.rng
        while True:
            crop = int(rng.choice([24, 40, 60, 90]))
            finalize = rng.random() < 0.25
            need = crop if finalize else crop + LOOKAHEAD
            first = np.searchsorted(self.lengths, need)
            batch = max(6, 720 // crop)
            toks, mels, who, weight = [], [], [], np.ones((batch, 1, 2 * crop), np.float32)
            for b in range(batch):
                k, m = self.items[rng.integers(first, len(self.items))]
                whole = m["frames"] // 2
                at = whole - crop if finalize else int(rng.integers(whole - need + 1))
                at = 0 if rng.random() < 0.15 and not finalize else at
                start = m["frame"] // 2 + at
                toks.append(self.tokens[k][start:start + need])
                mels.append(self.shards[k].voiced[2 * start:2 * (start + crop)])
                who.append(voices.NAMES.index(m["voice"]))
                if at:
                    weight[b, :, :CONTEXT] = 0.2            # streaming drops the context's frames: less is asked of them
            mel = torch.from_numpy(np.stack(mels).astype(np.float32)).transpose(1, 2)
            yield torch.from_numpy(np.stack(toks).astype(np.int64)), mel, torch.tensor(who), torch.from_numpy(weight), finalize


def optimizers(model, rate):
    """Muon for matrices, Adam for the rest; `rate`: as a part of the rates that random weights begin with."""
    named = list(model.named_parameters())
    matrices = [p for n, p in named if p.ndim == 2 and "embedding" not in n and "digits" not in n]
    known = {id(p) for p in matrices}
    delicate = [p for n, p in named if "estimator" in n and id(p) not in known]
    rest = [p for n, p in named if "estimator" not in n and id(p) not in known]
    return [torch.optim.Muon(matrices, lr=0.006 * rate, momentum=0.95, weight_decay=0.01, ns_steps=4),
            torch.optim.AdamW([{"params": rest, "lr": 2e-3 * rate}, {"params": delicate, "lr": 3e-4 * rate}], betas=(0.9, 0.98), weight_decay=0.0)]


def regression(model, crops, tokens, mel, who, weight, finalize):
    """What the flow makes, its error, and the encoder's."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mu = model.mu(tokens, finalize).float()
        made = model.mel(mu, SPEAKERS[who], torch.randn_like(mu)).float()
    scale = weight / weight.mean()
    return made, distance(made * scale, mel * scale, crops.deviation), ((mu - mel).abs() * weight / crops.deviation).mean()


def descend(run, loss, others):
    for o in run.optimizers:
        o.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(others, 2.0)
    if torch.isfinite(norm):
        for o in run.optimizers:
            o.step()


def main(minutes):
    crops, model = Crops(2), Trainee()
    with torch.no_grad():
        model.flow.encoder_proj.bias[:] = crops.mean[0, :, 0]
    model.pass_through()
    run = Run("flow", minutes, [model], optimizers(model, 1))
    others = [p for group in run.optimizers[1].param_groups for p in group["params"]]
    for batch in crops:
        run.schedule(hold=0.5)
        made, error, prior = regression(model, crops, *batch)
        descend(run, error + 0.5 * prior, others)
        if run.done(error=error.item(), prior=prior.item(), mel=(made - batch[1]).abs().mean().item()):
            return


def adversarial(minutes):
    """Goes on from the regressed weights; what counts is `mean`, an average of the last few hundred steps' weights."""
    crops, model, judge = Crops(None), load(Trainee(), "flow").train(), MelDiscriminator(len(voices.NAMES))
    mean = copy.deepcopy(model)
    for p in (*model.flow.input_embedding.parameters(), *model.digits.parameters()):
        p.requires_grad_(False)                                    # what tokens mean must stay
    against = torch.optim.AdamW(judge.parameters(), betas=(0.8, 0.99), weight_decay=0.01)
    run = Run("flow-adversarial", minutes, [mean, model, judge], optimizers(model, 1 / 6))
    others = [p for p in model.parameters() if p.requires_grad]
    for batch in crops:
        run.schedule(hold=0.4, floor=0.03)
        against.param_groups[0]["lr"] = 5e-4 if run.part < 0.4 else 5e-5       # soon it would win
        made, error, prior = regression(model, crops, *batch)
        true, fake = (((x - crops.mean) / crops.deviation)[..., CONTEXT:] for x in (batch[1], made))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = judge.hinge(true, fake.detach(), batch[2])
        against.zero_grad()
        loss.backward()
        against.step()
        deceit = likeness = torch.zeros(())
        if run.step >= 150:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                deceit, likeness = judge.deceived(true, fake, batch[2])
        descend(run, error + 0.5 * prior + 0.1 * deceit + likeness, others)
        with torch.no_grad():
            torch._foreach_lerp_(list(mean.parameters()), list(model.parameters()), 1 / min(run.step + 1, 400))
        contrast = [x.diff(dim=1).pow(2).mean().sqrt() for x in (fake.detach(), true)]
        if run.done(error=error.item(), prior=prior.item(), deceit=deceit.item(), likeness=likeness.item(),
                    judge=loss.item(), contrast=(contrast[0] / contrast[1]).item()):
            return


def trained():
    """The flow as far as it was trained."""
    done = os.path.exists(os.path.join(DATA, "flow-adversarial.pt"))
    return load(Trainee(), "flow-adversarial" if done else "flow")


@torch.no_grad()
def decode(count):
    """Writes RANK.decoded.f16: the mels that the vocoder will meet, of `count` utterances a shard, for its last training."""
    model = trained()
    for rank in (0, 1):
        shard, token = Shard(rank), np.fromfile(os.path.join(DATA, f"{rank}.token.i16"), np.int16)
        out = np.memmap(os.path.join(DATA, f"{rank}.decoded.f16"), np.float16, "w+", shape=(shard.meta_frames, 80))
        for m in [m for m in shard.meta if m["exaggeration"] == 0.5][:count]:
            span = slice(m["frame"], m["frame"] + m["frames"])
            mu = model.mu(torch.from_numpy(token[span.start // 2:span.stop // 2].astype(np.int64))[None], True)
            out[span] = model.mel(mu, SPEAKERS[[voices.NAMES.index(m["voice"])]], torch.randn_like(mu))[0].T.numpy()
        out.flush()
        print("decoded", rank, flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if sys.argv[1] == "decode":
        decode(int((sys.argv[2:] or [10**9])[0]))
    else:
        (adversarial if "adversarial" in sys.argv[2:] else main)(float(sys.argv[1]))
