"""Golden values of a whole official folder, at the published sizes, by the reference's own classes: PyPI chatterbox-tts 0.1.7
(resemble-ai/chatterbox, commit 5de7a54).  The weights may be real, or random ones of Tests/EndToEnd/official.py.

Writes parity.safetensors and parity.json into the folder, for OfficialParityTests.  `make parity MODELS=nano` does all of it.

Needs torch, torchaudio, chatterbox-tts 0.1.7, s3tokenizer 0.3.0 and safetensors.  Usage: python make_parity.py nano FOLDER [--meanflow]
"""
import argparse
import json
import os
import sys

import torch
from safetensors.torch import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "../EndToEnd"))
import make_fixtures  # noqa: E402
from official import T3  # noqa: E402

STEPS, TEXT, SPEECH = 51, 24, 30
GPT2 = {"nano": (768, 12, 12), "turbo": (1024, 16, 24)}
HEADS = {"gpt2": [[1, 0], [2, 1]], "llama": [[12, 15], [13, 11], [9, 2]]}


def load_t3(model, folder):
    state = load_file(os.path.join(folder, T3[model][1]))
    if model in GPT2:
        width, heads, layers = GPT2[model]
        t3 = make_fixtures.gpt2_t3(make_fixtures.gpt2_config(
            hidden_size=width, num_attention_heads=heads, num_hidden_layers=layers, n_positions=8196, speech_tokens_dict_size=6563,
            start_speech_token=6561, stop_speech_token=6562, max_text_tokens=2048, max_speech_tokens=4096, speaker_embed_size=256,
            speech_cond_prompt_len=375), 50276)
    else:
        from chatterbox.models.t3.llama_configs import LLAMA_CONFIGS
        from chatterbox.models.t3.modules.t3_config import T3Config
        from chatterbox.models.t3.t3 import T3 as ReferenceT3
        LLAMA_CONFIGS["Llama_520M"]["attn_implementation"] = "eager"        # shows its attention
        # By the vocabulary's size the reference would add its monitor, which changes logits.
        config = T3Config(text_tokens_dict_size=state["text_emb.weight"].shape[0])
        type(config).is_multilingual = False
        t3 = ReferenceT3(config)
    t3.load_state_dict(state, strict=True)
    return t3.eval()


def t3_values(model, folder, conds):
    t3 = load_t3(model, folder)
    generator = torch.Generator().manual_seed(5)
    text = torch.randint(2, 250, (TEXT,), generator=generator).tolist()
    if not t3.is_gpt:
        text = [255] + text + [0]
    cond = {k: v for k, v in conds["t3"].items() if k in ("speaker_emb", "cond_prompt_speech_tokens")}
    cond["emotion_adv"] = torch.tensor([[[0.7]]])
    weight = 0.0 if t3.is_gpt else 0.5
    heads = HEADS["gpt2" if t3.is_gpt else "llama"]
    logits, tokens, _ = make_fixtures.run_t3(t3, cond, text, weight, STEPS, heads)
    return {"t3.in.text": torch.tensor(text), "t3.out.logits": logits, "t3.out.tokens": tokens}, weight


def load(folder, name):
    """A checkpoint in either of the published formats."""
    path = os.path.join(folder, name)
    if os.path.exists(path + ".safetensors"):
        return load_file(path + ".safetensors")
    return torch.load(path + ".pt", weights_only=True)


def encoder_values(folder, part):
    """What the encoders of recordings make of the committed one."""
    from chatterbox.models.s3gen import xvector
    from chatterbox.models.s3tokenizer.s3tokenizer import S3Tokenizer
    from chatterbox.models.voice_encoder import VoiceEncoder
    voice_encoder, speaker_encoder, tokenizer = VoiceEncoder(), xvector.CAMPPlus(), S3Tokenizer("speech_tokenizer_v2_25hz")
    voice_encoder.load_state_dict(load(folder, "ve"), strict=True)
    speaker_encoder.load_state_dict(part("speaker_encoder."), strict=True)
    tokenizer.load_state_dict(part("tokenizer."), strict=True)
    wave = load_file(os.path.join(HERE, "recording.safetensors"))["in.wave16"].float()
    return {"recording.out.voice_encoder": torch.from_numpy(voice_encoder.eval().embeds_from_wavs([wave.numpy()], sample_rate=16000)),
            "recording.out.speaker_encoder": speaker_encoder.eval().inference([wave]),
            "recording.out.tokens": tokenizer.eval()([wave])[0][0]}


def s3gen_values(folder, conds, meanflow):
    state = load(folder, "s3gen_meanflow" if meanflow else "s3gen")
    def part(prefix):
        return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    flow = make_fixtures.reference.flow({
        "vocab_size": 6561, "input_size": 512, "output_size": 80, "spk_embed_dim": 192, "token_mel_ratio": 2, "pre_lookahead_len": 3,
        "encoder": {"output_size": 512, "attention_heads": 8, "linear_units": 2048, "num_blocks": 6, "num_up_blocks": 4},
        "decoder": {"in_channels": 320, "channels": [256], "n_blocks": 4, "num_mid_blocks": 12, "num_heads": 8,
                    "attention_head_dim": 64, "meanflow": meanflow}})
    flow.load_state_dict(part("flow."), strict=True)
    generator = torch.Generator().manual_seed(6)
    tokens = torch.randint(0, 6561, (SPEECH,), generator=generator)
    gen = conds["gen"]
    stages = make_fixtures.run_flow(flow.eval(), tokens, gen["prompt_token"][0], gen["prompt_feat"][0], gen["embedding"][0], True,
                                    2 if meanflow else 10, meanflow, 11)
    values = {"s3gen.in.tokens": tokens} | {
        f"s3gen.out.{k}": stages[k] for k in ("noise", "mu", "velocities", "mel")}

    from chatterbox.models.s3gen import hifigan
    from chatterbox.models.s3gen.f0_predictor import ConvRNNF0Predictor
    hift = hifigan.HiFTGenerator(
        sampling_rate=24000, upsample_rates=[8, 5, 3], upsample_kernel_sizes=[16, 11, 7], source_resblock_kernel_sizes=[7, 7, 11],
        source_resblock_dilation_sizes=[[1, 3, 5]] * 3, f0_predictor=ConvRNNF0Predictor())
    hift.load_state_dict(part("mel2wav."), strict=True)
    mel = stages["mel"][:, :, :20].clamp(-12, 2)
    wave, source, phase, noise = make_fixtures.run_hift(hift.eval(), mel)
    return values | encoder_values(folder, part) | {"hift.in.mel": mel, "hift.in.phase": phase, "hift.in.noise": noise,
                                                    "hift.out.wave": wave}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=list(T3))
    parser.add_argument("folder")
    parser.add_argument("--meanflow", action="store_true", help="the other decoder of a guided model")
    arguments = parser.parse_args()
    meanflow = arguments.meanflow or arguments.model in GPT2
    conds = torch.load(os.path.join(arguments.folder, "conds.pt"), weights_only=True)
    tensors, weight = t3_values(arguments.model, arguments.folder, conds)
    tensors |= s3gen_values(arguments.folder, conds, meanflow)
    save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()}, os.path.join(arguments.folder, "parity.safetensors"),
              {"source": make_fixtures.SOURCE})
    with open(os.path.join(arguments.folder, "parity.json"), "w") as file:
        json.dump({"model": arguments.model, "decoder": "meanflow" if meanflow else "guided", "cfg_weight": weight}, file)


if __name__ == "__main__":
    with torch.inference_mode():
        main()
