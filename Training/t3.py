"""T3: phonemes -> speech tokens.  Trained in the compact form below and exported under the reference's keys
(Llama, learned text and speech positions, speaker and emotion tokens, start token fed twice).
Usage: python t3.py MINUTES"""
import json
import math
import os
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import voices
from features import DATA, Shard
from reference import T3
from tokenizer import digits
from training import Run

SYMBOLS = json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "symbols.json")))
TEXT_IDS = {s: 2 + i for i, s in enumerate(SYMBOLS)}                 # 0 stops, 1 starts
START, STOP, CODES = T3["start_speech_token"], T3["stop_speech_token"], 6561
WIDTH, LAYERS, HEADS, INNER = T3["hidden_size"], T3["num_hidden_layers"], T3["num_attention_heads"], T3["intermediate_size"]
GUIDED = (2, 0)                                                      # layer, head that is taught to point at the text
SCALE = math.sqrt(WIDTH) / 2                                         # of all inputs; folded into the tables at export
SPEAKERS = torch.from_numpy(np.stack([voices.embedding(n, T3["speaker_embed_size"]) for n in voices.NAMES]))
VALIDATION = 200


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(WIDTH, T3["rms_norm_eps"]), nn.RMSNorm(WIDTH, T3["rms_norm_eps"])
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.gate_up, self.down = nn.Linear(WIDTH, 2 * INNER, bias=False), nn.Linear(INNER, WIDTH, bias=False)

    def forward(self, x, cos, sin, mask):
        count, length, _ = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(count, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        q, k = rotated(q, cos, sin), rotated(k, cos, sin)
        # written out: torch's fused attention is slow backwards on CPUs in bf16
        weights = ((q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2) + mask).softmax(-1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(x.shape))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up), weights


def rotated(x, cos, sin):
    a, b = x.float().chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)


class CompactT3(nn.Module):
    def __init__(self):
        super().__init__()
        self.speaker = nn.Linear(T3["speaker_embed_size"], WIDTH)
        self.emotion = nn.Linear(1, WIDTH, bias=False)
        self.text = nn.Embedding(len(SYMBOLS) + 2, WIDTH)
        self.text_position = nn.Embedding(T3["max_text_tokens"] + 2, WIDTH)
        self.speech_position = nn.Embedding(T3["max_speech_tokens"] + 4, WIDTH)
        self.speech, self.speech_digits = nn.Embedding(CODES + 2, WIDTH), nn.Parameter(torch.randn(24, WIDTH) * 0.02)
        self.head, self.head_digits = nn.Parameter(torch.randn(CODES + 2, WIDTH) * 0.005), nn.Parameter(torch.randn(24, WIDTH) * 0.02)
        self.blocks, self.norm = nn.ModuleList([Block() for _ in range(LAYERS)]), nn.RMSNorm(WIDTH, T3["rms_norm_eps"])
        for table in (self.text, self.text_position, self.speech_position):
            nn.init.normal_(table.weight, 0, 0.02)
        nn.init.normal_(self.speech.weight, 0, 0.005)
        nn.init.normal_(self.speaker.weight, 0, 0.1)
        nn.init.normal_(self.emotion.weight, 0, 0.02)
        for block in self.blocks:
            for m in (block.qkv, block.gate_up):
                nn.init.normal_(m.weight, 0, 0.03)
            for m in (block.out, block.down):
                nn.init.normal_(m.weight, 0, 0.03 / math.sqrt(2 * LAYERS))
        hot = F.one_hot(digits(torch.arange(CODES)) + 1, 3).reshape(CODES, 24).float()
        self.register_buffer("hot", torch.cat([hot, torch.zeros(2, 24)]), persistent=False)
        angle = torch.arange(1100).float()[:, None] / T3["rope_theta"] ** (torch.arange(0, T3["head_dim"], 2).float() / T3["head_dim"])
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def speech_table(self):
        return self.speech.weight + self.hot @ self.speech_digits

    def head_table(self):
        return self.head + self.hot @ self.head_digits

    def forward(self, b, keep):
        """Final states `[B, T, 256]` and the guided head's weights `[B, T, T]`.  `keep` `[B]`: 0 drops the text (CFG)."""
        text = self.text(b["text"]) * keep[:, None, None] + self.text_position(b["position"].clamp(max=T3["max_text_tokens"] + 1))
        speech = F.embedding(b["speech"], self.speech_table()) + self.speech_position(b["position"])
        x = torch.where(b["is_text"][..., None], text, speech)
        x = torch.cat([self.speaker(b["speaker"])[:, None], self.emotion(b["emotion"][:, None, None]), x], 1) * SCALE
        length = x.shape[1]
        mask = torch.full((length, length), -1e4, dtype=torch.bfloat16 if torch.is_autocast_enabled("cpu") else x.dtype).triu(1)
        for i, block in enumerate(self.blocks):
            x, weights = block(x, self.cos[:length], self.sin[:length], mask)
            if i == GUIDED[0]:
                guided = weights[:, GUIDED[1]].float()
        return self.norm(x)[:, 2:], guided[:, 2:, 2:]


def utterances():
    found = []
    for rank in (0, 1):
        shard, tokens = Shard(rank), np.fromfile(os.path.join(DATA, f"{rank}.token.i16"), np.int16).astype(np.int64)
        for m in shard.meta:
            speech = tokens[m["frame"] // 2:(m["frame"] + m["frames"]) // 2]
            known = [(c, i) for i, c in enumerate(c for c in m["phones"] if c in teacher_vocabulary()) if c in TEXT_IDS]
            ends = np.asarray(m["ends"], np.float32)
            text = np.array([1] + [TEXT_IDS[c] for c, _ in known] + [0], np.int64)
            if len(text) > T3["max_text_tokens"] or len(speech) > T3["max_speech_tokens"] - 4:
                continue
            spans = np.array([(-3, ends[0])] + [(ends[i], ends[i + 1]) for _, i in known] + [(ends[-2], len(speech) + 2)], np.float32)
            found.append((speech, text, spans, voices.NAMES.index(m["voice"]), m["exaggeration"]))
    return found


_VOCABULARY = None


def teacher_vocabulary():
    global _VOCABULARY
    if _VOCABULARY is None:
        import hibari
        _VOCABULARY = json.load(open(os.path.join(os.path.dirname(hibari.__file__), "assets/vocab.json")))
    return _VOCABULARY


def rounded(u, step=16):
    """Positions an utterance takes, rounded up: few different shapes, since each costs torch a new kernel."""
    return -(-(len(u[0]) + len(u[1]) + 4) // step) * step


def collate(us):
    count, length = len(us), max(rounded(u) for u in us) - 2
    widest = max(len(u[1]) for u in us)
    whole = lambda fill=0: np.full((count, length), fill, np.int64)
    text, speech, position, target = whole(), whole(), whole(), whole(-1)
    is_text, guide, guided = np.ones((count, length), bool), np.zeros((count, length, widest), np.float32), np.zeros((count, length), bool)
    for i, (s, t, spans, _, _) in enumerate(us):
        n, k = len(t), len(s)
        text[i, :n], position[i, :n], is_text[i, n:] = t, np.arange(n), False
        speech[i, n:n + 2], speech[i, n + 2:n + 2 + k] = START, s
        position[i, n + 1:n + 2 + k] = np.arange(k + 1)
        target[i, n + 1:n + 1 + k], target[i, n + 1 + k] = s, STOP
        now = np.arange(k + 1)[:, None] + 0.5
        away = np.maximum(0, np.maximum(spans[None, :, 0] - now, now - spans[None, :, 1]))
        guide[i, n + 1:n + 2 + k, :n], guided[i, n + 1:n + 2 + k] = np.exp(-away * away / 4.5), True
    batch = {k: torch.from_numpy(v) for k, v in dict(text=text, speech=speech, position=position, target=target, is_text=is_text,
                                                     guide=guide, guided=guided).items()}
    batch["speaker"] = SPEAKERS[[u[3] for u in us]]
    batch["emotion"] = torch.tensor([u[4] for u in us])
    return batch


def losses(model, b, keep, measure=True):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states, weights = model(b, keep)
        chosen = torch.nonzero(b["target"].flatten() >= 0)[:, 0]
        filler = -len(chosen) % 256                                  # again for few shapes; cross_entropy skips -100
        logits = states.flatten(0, 1)[F.pad(chosen, (0, filler))] @ model.head_table().to(torch.bfloat16).T
    target = F.pad(b["target"].flatten()[chosen], (0, filler), value=-100)
    cross = F.cross_entropy(logits.float(), target)
    where = b["guided"] & (keep > 0)[:, None]
    stray = 1 - (weights[:, :, :b["guide"].shape[2]] * b["guide"]).sum(-1)[where].mean()
    right = (logits.argmax(-1) == target).sum() / len(chosen) if measure else torch.zeros(())
    return cross, stray, right


def main(minutes, positions=2600):
    rng = np.random.default_rng(3)
    data = utterances()
    rng.shuffle(order := np.arange(len(data)))
    held, kept = [data[i] for i in order[:VALIDATION]], [data[i] for i in order[VALIDATION:]]
    classes = np.array([rounded(u) for u in kept])
    model = CompactT3()
    matrices = [p for n, p in model.blocks.named_parameters() if p.ndim == 2]
    known = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in known]
    run = Run("t3", minutes, [model], [torch.optim.Muon(matrices, lr=0.02, momentum=0.95, weight_decay=0.01),
                                       torch.optim.AdamW(others, lr=2e-3, betas=(0.9, 0.98), weight_decay=0.0)])
    print(f"{len(kept)} utterances, {sum(len(u[0]) for u in kept)} tokens, {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters", flush=True)
    rng = np.random.default_rng(run.step)
    while True:
        batches = []
        for size in np.unique(classes):
            members, count = rng.permutation(np.nonzero(classes == size)[0]), max(1, positions // size)
            batches += [members[i:i + count] for i in range(0, len(members) - count + 1, count)]
        rng.shuffle(batches)
        for chosen in batches:
            run.schedule(hold=0.4)
            b = collate([kept[i] for i in chosen])
            keep = (torch.rand(len(chosen)) > 0.12).float()
            wrong = (torch.rand(b["speech"].shape) < 0.04) & ~b["is_text"] & (b["speech"] < CODES)
            b["speech"][wrong] = torch.randint(0, CODES, (int(wrong.sum()),))
            cross, stray, _ = losses(model, b, keep, measure=False)
            for o in run.optimizers:
                o.zero_grad()
            (cross + 0.5 * stray).backward()
            torch.nn.utils.clip_grad_norm_(others, 1.0)
            for o in run.optimizers:
                o.step()
            over = run.done(cross=cross.item(), stray=stray.item())
            if run.step % 500 == 0 or over:
                with torch.no_grad():
                    held_out = [[float(x) for x in losses(model, collate(held[i:i + 20]), torch.ones(len(held[i:i + 20])))] for i in range(0, VALIDATION, 20)]
                print("held out: cross {:.3f} stray {:.3f} right {:.3f}".format(*np.mean(held_out, 0)), flush=True)
            if over:
                return


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    main(float(sys.argv[1]))
