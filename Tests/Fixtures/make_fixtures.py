"""Golden values for the Swift models, made by the reference's own classes: PyPI chatterbox-tts 0.1.7
(resemble-ai/chatterbox, commit 5de7a54) at small sizes with random weights and recorded noise; and by
Training/vocoder.py, which is the reference of SourceFilterVocoder.

Needs torch, chatterbox-tts 0.1.7 and safetensors.  Usage, from this folder:
  python make_fixtures.py                                  every small model
  python make_fixtures.py --embedded ../../Models/embedded the embedded checkpoint in the reference's classes
"""
import argparse
import json
import math
import os
import sys

import numpy as np
import torch
from safetensors.torch import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../Training"))
import reference  # noqa: E402

SOURCE = "chatterbox-tts 0.1.7, resemble-ai/chatterbox commit 5de7a54"


def save(name, tensors, config=None):
    tensors = {k: v.detach().contiguous().clone() for k, v in tensors.items()}
    save_file(tensors, os.path.join(HERE, name + ".safetensors"), {"source": SOURCE})
    if config is not None:
        with open(os.path.join(HERE, name + ".json"), "w") as f:
            json.dump(config, f, indent=1)
            f.write("\n")
    print(name, sum(v.numel() * v.element_size() for v in tensors.values()) // 1024, "KB")


def randomise(module, seed, gain=1.0):
    """Weights at the scale of trained ones: unit-variance outputs, norms near one, small biases."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in module.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if name.endswith("alpha"):
                p.copy_(1 + 0.3 * noise)
            elif name.endswith("original0"):
                p.copy_(gain * (0.7 + 0.2 * noise.abs()))
            elif p.ndim == 1 and name.endswith("weight"):
                p.copy_(1 + 0.1 * noise)
            elif p.ndim == 1:
                p.copy_(0.1 * noise)
            elif "emb" in name and p.ndim == 2 and "layer" not in name and "mixer" not in name and "embed.out" not in name:
                p.copy_(0.5 * noise)
            else:
                p.copy_(gain * noise / math.sqrt(p[0].numel()))
    return module.eval()


def weights(module, prefix=""):
    # `T3.inference` hangs a second view of the same weights into the model
    return {f"weights.{prefix}{k}": v for k, v in module.state_dict().items() if not k.startswith("patched_model.")}


# ---- T3

def t3_config(**changes):
    config = dict(reference.T3, hidden_size=32, num_hidden_layers=3, num_attention_heads=2, head_dim=16, intermediate_size=48,
                  speech_tokens_dict_size=70, start_speech_token=66, stop_speech_token=67, max_text_tokens=30,
                  max_speech_tokens=80, speaker_embed_size=12)
    config.update(changes)
    return config


def gpt2_config(**changes):
    """Turbo's and nano's `T3`, small: learned positions of the backbone alone, a prompt without perceiver, no emotion."""
    config = {"backbone": "gpt2", "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "head_dim": 16,
              "intermediate_size": 128, "layer_norm_epsilon": 1e-5, "n_positions": 200, "speech_tokens_dict_size": 70,
              "start_speech_token": 66, "stop_speech_token": 67, "max_text_tokens": 30, "max_speech_tokens": 80,
              "speaker_embed_size": 12, "speech_cond_prompt_len": 20, "use_perceiver_resampler": False, "emotion_adv": False}
    return dict(config, **changes)


def gpt2_t3(config, vocabulary):
    """The settings of ChatterboxTurboTTS.from_local, and GPT2_small's or GPT2_medium's dictionary at the sizes of `config`."""
    from chatterbox.models.t3.llama_configs import LLAMA_CONFIGS
    from chatterbox.models.t3.modules.t3_config import T3Config
    from chatterbox.models.t3.t3 import T3
    LLAMA_CONFIGS["gpt2_any"] = dict(
        LLAMA_CONFIGS["GPT2_medium"], n_embd=config["hidden_size"], hidden_size=config["hidden_size"],
        n_head=config["num_attention_heads"], n_layer=config["num_hidden_layers"], n_positions=config["n_positions"],
        n_ctx=config["n_positions"], vocab_size=vocabulary, attn_implementation="eager")
    hp = T3Config(text_tokens_dict_size=vocabulary)
    hp.llama_config_name, hp.input_pos_emb = "gpt2_any", None
    for name in ("speech_tokens_dict_size", "start_speech_token", "stop_speech_token", "max_text_tokens", "max_speech_tokens",
                 "speaker_embed_size", "speech_cond_prompt_len", "use_perceiver_resampler", "emotion_adv"):
        setattr(hp, name, config[name])
    return T3(hp)


def make_t3(config, vocabulary, seed):
    if config["backbone"] == "gpt2":
        return randomise(gpt2_t3(config, vocabulary), seed, gain=1.3)
    from chatterbox.models.t3.modules.perceiver import Perceiver
    perceiver, config = config["use_perceiver_resampler"], dict(config, use_perceiver_resampler=False)
    model = reference.t3(vocabulary, config)
    if perceiver:                                     # its class default is 1024 wide
        model.hp.use_perceiver_resampler = True
        model.cond_enc.perceiver = Perceiver(32, config["hidden_size"], config["hidden_size"])
    return randomise(model, seed, gain=1.3)


def run_t3(model, cond, text, cfg_weight, steps, heads, penalty=1.2):
    """`T3.inference`, greedy: top-p 0 leaves the likeliest token.  Logits `[steps, rows, V]`, tokens, alignment `[steps, text]`."""
    from chatterbox.models.t3.modules.cond_enc import T3Cond
    logits, rows = [], []
    gpt2 = model.is_gpt
    layers = model.tfmr.h if gpt2 else model.tfmr.layers
    hooks = [model.speech_head.register_forward_hook(lambda m, i, o: logits.append(o[:, -1].clone()))]
    per_layer = {}
    for layer, _ in heads:
        def keep(m, i, o, layer=layer):
            per_layer[layer] = o[1][0, :, -1].clone()
        hooks.append((layers[layer].attn if gpt2 else layers[layer].self_attn).register_forward_hook(keep))
    len_cond = []
    def step_done(m, i, o):
        rows.append(torch.stack([per_layer[l][h] for l, h in heads]).mean(0))
    hooks.append(model.tfmr.register_forward_hook(step_done))
    hooks.append(model.cond_enc.register_forward_hook(lambda m, i, o: len_cond.append(o.shape[1])))
    if gpt2:                                          # the penalty comes last, when top-p 0 has left one token
        tokens = model.inference_turbo(T3Cond(**cond), torch.tensor([text]), temperature=1.0, top_k=0, top_p=0.0,
                                       repetition_penalty=penalty, max_gen_len=steps - 1)[0]
    else:
        tokens = model.inference(
            t3_cond=T3Cond(**cond), text_tokens=torch.tensor([text, text]), max_new_tokens=steps, temperature=1.0, top_p=0.0,
            min_p=0.0, repetition_penalty=penalty, cfg_weight=cfg_weight)[0]
    for h in hooks:
        h.remove()
    alignment = torch.stack([r[len_cond[0]:len_cond[0] + len(text)] for r in rows[:len(tokens)]])
    return torch.stack(logits)[:len(tokens)], tokens, alignment


def clear(logits, tokens, cfg_weight, start, penalty=1.2, margin=1e-2):
    """Whether every token won by more than rounding can take away."""
    history = [start]
    for step, token in zip(logits, tokens.tolist()):
        x = step[0] + cfg_weight * (step[0] - step[-1])
        seen = torch.tensor(sorted(set(history)))
        x[seen] = torch.where(x[seen] < 0, x[seen] * penalty, x[seen] / penalty)
        best, second = x.topk(2).values.tolist()
        if x[token] != best or best - second < margin:
            return False
        history.append(token)
    return True


def t3_fixture(name, config, vocabulary, prompt, steps=60, penalty=1.2):
    from chatterbox.models.t3.modules.cond_enc import T3Cond
    generator = torch.Generator().manual_seed(5)
    gpt2 = config["backbone"] == "gpt2"
    text = torch.randint(2, vocabulary, (9,), generator=generator).tolist()
    if not gpt2:
        text = [config["start_text_token"]] + text + [config["stop_text_token"]]
    cond = {"speaker_emb": torch.randn(1, config["speaker_embed_size"], generator=generator), "emotion_adv": torch.tensor([[[0.7]]])}
    if prompt:
        cond["cond_prompt_speech_tokens"] = torch.randint(0, 66, (1, prompt), generator=generator)
    heads = config["alignment_heads"] = [[1, 0], [2, 1]]
    for seed in range(300):                          # the first random model that neither stops early nor hums one tone
        model = make_t3(config, vocabulary, seed)
        results = {w: run_t3(model, cond, text, w, steps, heads, penalty) for w in ((0.0,) if gpt2 else (0.0, 0.5))}
        if all(clear(l, t, w, config["start_speech_token"], 1.0 if gpt2 else penalty) for w, (l, t, _) in results.items()) and all(
                len(t) == steps and len(set(t.tolist())) > steps // 5 and config["stop_speech_token"] not in t for _, t, _ in results.values()):
            break
    else:
        raise SystemExit("no seed gives a long varied run")
    tensors = weights(model)
    tensors |= {"in.text": torch.tensor(text), "in.speaker_emb": cond["speaker_emb"]}
    if not gpt2:
        tensors["out.inv_freq"] = model.tfmr.rotary_emb.inv_freq
    if prompt:
        tensors["in.prompt"] = cond["cond_prompt_speech_tokens"][0]
    tensors["out.cond"] = model.prepare_conditioning(T3Cond(**cond))
    tensors["out.embeds"] = model.prepare_input_embeds(
        t3_cond=T3Cond(**cond), text_tokens=torch.tensor([text] if gpt2 else [text, text]),
        speech_tokens=torch.full((1 if gpt2 else 2, 1), config["start_speech_token"]), cfg_weight=0.5)[0]
    for w, (logits, tokens, alignment) in results.items():
        tensors |= {f"out.logits.{w}": logits, f"out.tokens.{w}": tokens, f"out.alignment.{w}": alignment}
    save(name, tensors, dict(config, file=name, text_tokens_dict_size=vocabulary, 
                             sampling={"repetition_penalty": penalty, "min_p": 0.0, "repetition_penalty_last": gpt2}))


def sampler_fixture():
    """Probabilities after the processors that `T3.inference` and `T3.inference_turbo` use, in their order."""
    from transformers.generation.logits_process import (
        MinPLogitsWarper, RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)
    generator = torch.Generator().manual_seed(9)
    tensors, cases = {}, []
    settings = [(1.2, 0.8, 0.05, 0.95), (1.0, 1.0, 0.0, 1.0), (2.0, 0.3, 0.2, 0.5), (1.2, 5.0, 0.0, 0.9), (1.5, 0.8, 0.1, 1.0), (1.2, 0.8, 0.0, 0.0)]
    for i, (penalty, temperature, min_p, top_p) in enumerate(settings):
        logits, history = torch.randn(1, 60, generator=generator) * 3, torch.randint(0, 60, (1, 12), generator=generator)
        x = RepetitionPenaltyLogitsProcessor(penalty)(history, logits.clone())
        x = TopPLogitsWarper(top_p)(history, MinPLogitsWarper(min_p)(history, x / temperature))
        tensors |= {f"{i}.logits": logits[0], f"{i}.history": history[0], f"{i}.probabilities": x.softmax(-1)[0]}
        cases.append({"repetition_penalty": penalty, "temperature": temperature, "min_p": min_p, "top_p": top_p, "turbo": False, "top_k": 0})
    for penalty, temperature, top_k, top_p in [(1.2, 0.8, 1000, 0.95), (2.0, 0.5, 7, 1.0), (1.2, 3.0, 20, 0.8), (5.0, 0.8, 0, 0.9), (1.2, 1.0, 1, 1.0)]:
        i = len(cases)
        logits, history = torch.randn(1, 60, generator=generator) * 3, torch.randint(0, 60, (1, 30), generator=generator)
        x = TemperatureLogitsWarper(temperature)(history, logits.clone())
        if top_k > 0:
            x = TopKLogitsWarper(top_k)(history, x)
        if top_p < 1:
            x = TopPLogitsWarper(top_p)(history, x)
        x = RepetitionPenaltyLogitsProcessor(penalty)(history, x)
        tensors |= {f"{i}.logits": logits[0], f"{i}.history": history[0], f"{i}.probabilities": x.softmax(-1)[0]}
        cases.append({"repetition_penalty": penalty, "temperature": temperature, "min_p": 0.0, "top_p": top_p, "turbo": True, "top_k": top_k})
    save("sampler", tensors, cases)


# ---- torch archives

def torch_fixture():
    """torch.pt as torch.save writes it, and torch.safetensors with what is in it."""
    from collections import OrderedDict
    generator = torch.Generator().manual_seed(3)
    base = torch.randn(4, 6, generator=generator)
    module = torch.nn.Linear(3, 2)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn(p.shape, generator=generator))
    content = {
        "t3": {"speaker_emb": torch.randn(1, 8, generator=generator), "clap_emb": None, "emotion_adv": 0.5 * torch.ones(1, 1, 1),
               "cond_prompt_speech_tokens": torch.randint(0, 6561, (1, 9), generator=generator)},
        "views": [base, base.t(), base[1:3, ::2], base[2:2]],
        "types": OrderedDict((str(t).split(".")[1], torch.arange(-3 if t.is_signed else 0, 5).to(t)) for t in (
            torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)),
        "flags": torch.tensor([True, False]),
        "state": module.state_dict(), "parameter": module.weight,
        "plain": (1, -70000, 2**40, -(2**40), 0.25, True, False, "tönend", 7, {3: "three"}, [], ()),
    }
    torch.save(content, os.path.join(HERE, "torch.pt"))
    tensors = {"t3." + k: v for k, v in content["t3"].items() if v is not None}
    tensors |= {f"views.{i}": v for i, v in enumerate(content["views"])} | {"types." + k: v for k, v in content["types"].items()}
    tensors |= {"state." + k: v for k, v in content["state"].items()} | {"parameter": content["parameter"]}
    save("torch", tensors)


def conds_fixture():
    """conds.pt as `Conditionals.save` writes it, for the small models, from a recording that isn't a whole number of tokens long."""
    generator = torch.Generator().manual_seed(4)
    from chatterbox.models.t3.modules.cond_enc import T3Cond
    t3 = T3Cond(speaker_emb=torch.randn(1, 12, generator=generator), emotion_adv=0.5 * torch.ones(1, 1, 1),
                cond_prompt_speech_tokens=torch.randint(0, 66, (1, 13), generator=generator))
    gen = {"prompt_token": torch.randint(0, 40, (1, 4), generator=generator), "prompt_token_len": torch.tensor([4]),
           "prompt_feat": torch.randn(1, 9, 80, generator=generator), "prompt_feat_len": None,
           "embedding": torch.randn(1, 10, generator=generator)}
    torch.save({"t3": t3.__dict__, "gen": gen}, os.path.join(HERE, "conds.pt"))


# ---- S3Gen

def flow_config(meanflow):
    return dict(reference.S3GEN, vocab_size=40, input_size=24, spk_embed_dim=10,
                encoder={"output_size": 24, "attention_heads": 3, "linear_units": 40, "num_blocks": 2, "num_up_blocks": 1},
                decoder={"in_channels": 320, "channels": [32], "n_blocks": 2, "num_mid_blocks": 1, "num_heads": 3,
                         "attention_head_dim": 8, "meanflow": meanflow, "n_timesteps": 2 if meanflow else 3,
                         "cfg_rate": 0.0 if meanflow else 0.7})


def run_flow(model, tokens, prompt_tokens, prompt_feat, embedding, finalize, steps, meanflow, seed):
    """`CausalMaskedDiffWithXvec.inference` with its encoder output, noise and every state of the ODE."""
    stages, states = {}, []
    def encoded(m, i, o):
        stages["encoded"] = o[0]
        # the reference forgets to shorten the mask with the lookahead, and fails on the longer one
        return o if finalize else (o[0], o[1][..., :-2 * model.pre_lookahead_len])
    hooks = [model.encoder.register_forward_hook(encoded),
             model.encoder_proj.register_forward_hook(lambda m, i, o: stages.__setitem__("mu", o)),
             model.spk_embed_affine_layer.register_forward_hook(lambda m, i, o: stages.__setitem__("speaker", o))]
    estimator = model.decoder.estimator
    original = estimator.forward
    def forward(*args, **kwargs):
        y = original(*args, **kwargs)
        states.append(((args[0] if args else kwargs["x"])[:1].clone(), y.clone()))
        return y
    estimator.forward = forward
    torch.manual_seed(seed)
    mel, _ = model.inference(
        token=tokens[None], token_len=torch.tensor([len(tokens)]), prompt_token=prompt_tokens[None],
        prompt_token_len=torch.tensor([len(prompt_tokens)]), prompt_feat=prompt_feat[None], prompt_feat_len=None,
        embedding=embedding[None], finalize=finalize, n_timesteps=steps, meanflow=meanflow)
    estimator.forward = original
    for h in hooks:
        h.remove()
    torch.manual_seed(seed)
    stages["noise"] = torch.randn_like(stages["mu"].transpose(1, 2).contiguous())
    assert torch.equal(stages["noise"], states[0][0])
    stages["states"] = torch.cat([x for x, _ in states])
    stages["velocities"] = torch.stack([y for _, y in states])
    stages["mel"] = mel
    return stages


def flow_fixture(meanflow):
    config = flow_config(meanflow)
    model = randomise(reference.flow(config), 3)
    generator = torch.Generator().manual_seed(4)
    tokens, prompt = torch.randint(0, 40, (9,), generator=generator), torch.randint(0, 40, (4,), generator=generator)
    feat, embedding = torch.randn(8, 80, generator=generator), torch.randn(10, generator=generator)
    tensors = weights(model, "flow.") | {"in.tokens": tokens, "in.prompt_token": prompt, "in.prompt_feat": feat, "in.embedding": embedding}
    none, empty = prompt[:0], feat[:0]
    cases = [("plain", none, empty, True), ("held", none, empty, False), ("prompted", prompt, feat, True)]
    for name, p, f, finalize in cases:
        for steps in ([1, 2] if meanflow else [3]):
            got = run_flow(model, tokens, p, f, embedding, finalize, steps, meanflow, 11)
            tensors |= {f"out.{name}.{steps}.{k}": v for k, v in got.items()}
    save("flow_meanflow" if meanflow else "flow_guided", tensors, dict(config, file="flow"))


# ---- HiFT

def run_hift(model, mel):
    """Wave, source, and what was drawn for it: each sine's phase, and noise `[sines, samples]`."""
    from chatterbox.models.s3gen import hifigan
    drawn, randn_like, sample = [], torch.randn_like, hifigan.Uniform.sample
    torch.randn_like = lambda x: drawn.append(randn_like(x)) or drawn[-1]
    hifigan.Uniform.sample = lambda self, sample_shape: drawn.append(sample(self, sample_shape)) or drawn[-1]
    torch.manual_seed(6)
    wave, source = model.inference(mel)
    torch.randn_like, hifigan.Uniform.sample = randn_like, sample
    phase, noise = drawn[0], drawn[1]
    phase[:, 0] = 0
    return wave[0], source[0, 0], phase[0, :, 0], noise[0]


def hift_fixture():
    from chatterbox.models.s3gen import hifigan
    from chatterbox.models.s3gen.f0_predictor import ConvRNNF0Predictor
    config = {"type": "hift", "file": "hift", "base_channels": 16, "f0_channels": 12, "nb_harmonics": 8, "upsample_rates": [8, 5, 3],
              "upsample_kernel_sizes": [16, 11, 7], "n_fft": 16, "hop": 4, "resblock_kernel_sizes": [3, 7, 11],
              "resblock_dilation_sizes": [[1, 3, 5]] * 3, "source_resblock_kernel_sizes": [7, 7, 11],
              "source_resblock_dilation_sizes": [[1, 3, 5]] * 3}
    model = hifigan.HiFTGenerator(
        base_channels=16, nb_harmonics=8, sampling_rate=24000, upsample_rates=[8, 5, 3], upsample_kernel_sizes=[16, 11, 7],
        source_resblock_kernel_sizes=[7, 7, 11], source_resblock_dilation_sizes=[[1, 3, 5]] * 3,
        f0_predictor=ConvRNNF0Predictor(cond_channels=12))
    randomise(model, 7)
    with torch.no_grad():
        model.conv_post.parametrizations.weight.original0 *= 0.2
        model.f0_predictor.classifier.weight *= 100                       # some frames voiced, some not
        model.f0_predictor.classifier.bias[:] = 20
    generator = torch.Generator().manual_seed(8)
    mel = torch.randn(1, 80, 10, generator=generator) * 2 - 4
    wave, source, phase, noise = run_hift(model, mel)
    f0 = model.f0_predictor(mel)
    assert ((f0 > 10).any() and (f0 <= 10).any()), f0
    save("hift", weights(model) | {"in.mel": mel, "in.phase": phase, "in.noise": noise, "out.f0": f0, "out.source": source,
                                   "out.wave": wave}, config)


# ---- SourceFilterVocoder

def run_vocoder(model, mel, seed):
    generator = torch.Generator().manual_seed(seed)
    noise = torch.complex(*(torch.randn(1, 2 * mel.shape[2], 481, generator=generator) for _ in range(2)))
    with torch.no_grad():
        pitch, voicing = model.f0_predictor(mel)
        f0 = model.f0(mel)
        harmonic, hiss, angle = model.filters(mel, f0)
        wave = model(mel, noise=noise)
    import vocoder
    return {"in.mel": mel, "in.noise": torch.view_as_real(noise)[0].transpose(1, 2), "out.pitch": pitch, "out.voicing": voicing, "out.f0": f0,
            "out.source": vocoder.harmonics(f0, torch.zeros(1, 1)), "out.harmonic": harmonic, "out.hiss": hiss, "out.angle": angle,
            "out.wave": wave[0]}


def vocoder_fixture():
    import vocoder
    model = vocoder.SourceFilterVocoder(width=24)
    model.f0_predictor = vocoder.F0Predictor(width=12)
    randomise(model, 12)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("gamma"):
                p.copy_(0.3 + 0.1 * p)
        model.output.weight *= 0.5
        model.output.bias[:481], model.output.bias[481:962] = -2, -3
        model.f0_predictor.classifier.weight *= 0.7
    mel = torch.randn(1, 80, 14, generator=torch.Generator().manual_seed(13)) * 2 - 5
    got = run_vocoder(model, mel, 14)
    assert (got["out.f0"] > 0).any() and (got["out.f0"] == 0).any(), got["out.f0"]
    save("source_filter", weights(model) | got,
         {"type": "source_filter", "file": "source_filter", "width": 24, "f0_width": 12, "f0_right": [1, 0, 0, 0], "n_fft": 960, "hop": 240,
          "coarse_right": [1, 0], "fine_right": [1, 1, 0, 0]})


# ---- the embedded checkpoint

def embedded_fixture(folder):
    config = json.load(open(os.path.join(folder, "config.json")))
    read = lambda name: {k: v.float() if v.is_floating_point() else v for k, v in load_file(os.path.join(folder, name)).items()}
    voices = read(config["voices"]["file"])
    voice = config["voices"]["default"]
    t3 = reference.t3(config["t3"]["text_tokens_dict_size"], config["t3"])
    state = read(config["t3"]["file"])
    for unused in ("tfmr.embed_tokens.weight", "text_head.weight"):     # never read in inference; exports may leave them out
        state.setdefault(unused, t3.state_dict()[unused])
    t3.load_state_dict(state, strict=True)
    t3.eval()
    cond = {"speaker_emb": voices[voice + ".t3.speaker_emb"], "emotion_adv": torch.tensor([[[0.5]]])}
    heads, penalty = config["t3"]["alignment_heads"], config["t3"]["sampling"]["repetition_penalty"]
    for seed in range(100):                          # the first text without a close decision
        generator = torch.Generator().manual_seed(seed)
        text = [config["t3"]["start_text_token"]] + torch.randint(
            2, config["t3"]["text_tokens_dict_size"], (30,), generator=generator).tolist() + [config["t3"]["stop_text_token"]]
        logits, tokens, alignment = run_t3(t3, cond, text, 0.5, 60, heads, penalty)
        if len(tokens) == 60 and clear(logits, tokens, 0.5, config["t3"]["start_speech_token"], penalty, 1e-3):
            break
    else:
        raise SystemExit("no text gives a clear run")
    steps = [0, 1, 20, 40, 59]
    flow = reference.flow(config["s3gen"])
    state = {k.removeprefix("flow."): v for k, v in read(config["s3gen"]["file"]).items() if k.startswith("flow.")}
    flow.load_state_dict(state, strict=True)
    flow.eval()
    decoder = config["s3gen"]["decoder"]
    speech = torch.tensor(tokens[:25])               # of random ones it would make no speech, of which F0 is chance
    stages = run_flow(flow, speech, speech[:0], torch.zeros(0, 80), voices[voice + ".gen.embedding"][0], True,
                      decoder["n_timesteps"], decoder["meanflow"], 2)
    tensors = {"in.text": torch.tensor(text), "out.logits": logits[steps], "out.tokens": tokens, "out.alignment": alignment,
               "in.speech": speech, "in.noise": stages["noise"], "out.mu": stages["mu"], "out.mel": stages["mel"]}
    if config["vocoder"]["type"] == "source_filter":
        import vocoder
        model = vocoder.SourceFilterVocoder(width=config["vocoder"]["width"])
        model.load_state_dict(read(config["vocoder"]["file"]), strict=True)
        got = run_vocoder(model.eval(), stages["mel"], 3)
        tensors |= {"vocoder." + k: v for k, v in got.items() if k in ("in.noise", "out.f0", "out.wave")}
    save("embedded", tensors, {"voice": voice, "emotion": 0.5, "cfg_weight": 0.5, "steps": steps})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embedded", metavar="FOLDER")
    parser.add_argument("--only", metavar="PREFIX", default="", help="of the fixtures' names, such as t3 or flow_guided")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.embedded:
        return embedded_fixture(arguments.embedded)
    wanted = lambda name: name.startswith(arguments.only)
    perceiver = dict(
        use_perceiver_resampler=True, rope_theta=500000.0, speech_cond_prompt_len=20,
        rope_scaling=dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192, rope_type="llama3"))
    for name, config, vocabulary, run in [
            ("t3_plain", t3_config(), 30, dict(prompt=0)),
            ("t3_prompt", t3_config(emotion_adv=False), 30, dict(prompt=7, steps=8)),
            ("t3_perceiver", t3_config(**perceiver), 30, dict(prompt=20)),                    # the english layout
            ("t3_multilingual", t3_config(**perceiver, start_text_token=25), 45, dict(prompt=20, penalty=2.0)),
            ("t3_nano", gpt2_config(num_attention_heads=4, head_dim=8), 40, dict(prompt=20)),
            ("t3_turbo", gpt2_config(), 40, dict(prompt=13))]:
        if wanted(name):
            t3_fixture(name, config, vocabulary, **run)
    if wanted("sampler"):
        sampler_fixture()
    if wanted("conds"):
        conds_fixture()
    if wanted("torch"):
        torch_fixture()
    if wanted("flow_meanflow"):
        flow_fixture(True)
    if wanted("flow_guided"):
        flow_fixture(False)
    if wanted("hift"):
        hift_fixture()
    if wanted("source_filter"):
        vocoder_fixture()


if __name__ == "__main__":
    with torch.inference_mode():
        main()
