"""Golden values for what turns a recording into a voice, made by the reference's own classes at small sizes with random
weights: chatterbox-tts 0.1.7 (`VoiceEncoder`, `CAMPPlus`, `S3Tokenizer`, the mel front ends), s3tokenizer 0.3.0, torchaudio
(Kaldi filter bank, resampling), librosa (trimming) and pyloudnorm 0.2.0 (loudness).

Needs those packages, torch and safetensors.  Usage, from this folder:
  python make_cloning_fixtures.py SPEECH.wav     speech of about 2 s at 24 kHz, such as `chatterbox say` writes
"""
import sys

import librosa
import numpy as np
import pyloudnorm
import soundfile
import torch
import torchaudio.functional
from make_fixtures import randomise, save, weights  # noqa: E402  (also makes the reference importable piece by piece)
from chatterbox.models.s3gen import xvector
from chatterbox.models.s3gen.utils.mel import mel_spectrogram
from chatterbox.models.s3tokenizer.s3tokenizer import S3Tokenizer
from chatterbox.models.voice_encoder import VoiceEncConfig, VoiceEncoder
from chatterbox.models.voice_encoder.melspec import melspectrogram
from s3tokenizer.model_v2 import ModelConfig, S3TokenizerV2, precompute_freqs_cis


def half(x):
    """Kept in 16 bits, and used as they come back from there."""
    return torch.as_tensor(x).half()


def small_tokenizer(**config):
    """`S3Tokenizer` gives its base class no configuration: the base's default is replaced."""
    S3TokenizerV2.__init__.__defaults__ = (ModelConfig(**config),)
    return S3Tokenizer("speech_tokenizer_v2_25hz", ModelConfig(**config))


def front_ends(speech):
    """The recording at both rates, with a second of near silence around it, and what each front end makes of it."""
    quiet = 1e-4 * np.random.default_rng(1).standard_normal(12000)
    wave24 = half(np.concatenate([quiet, speech, quiet[:9000]]))
    wave16 = half(librosa.resample(wave24.float().numpy(), orig_sr=24000, target_sr=16000))
    x24, x16 = wave24.float(), wave16.float()
    trimmed, bounds = librosa.effects.trim(x16.numpy(), top_db=20)
    tokenizer = small_tokenizer(n_mels=128, n_audio_state=8, n_audio_head=1, n_audio_layer=0)
    short = slice(8000, 20000)                       # the front ends need no more
    return wave24, wave16, {
        "in.wave24": wave24, "in.wave16": wave16, "out.trim": torch.tensor(bounds),
        "out.s3gen_mel": half(mel_spectrogram(x24.numpy()[12000:36000])[0].T),
        "out.ve_mel": torch.from_numpy(np.ascontiguousarray(melspectrogram(x16.numpy()[short], VoiceEncConfig()).T)).float(),
        "out.whisper_mel": half(tokenizer.log_mel_spectrogram(x16[short]).T), "out.whisper_filters": half(tokenizer._mel_filters),
        "out.fbank": half(xvector.extract_feature([x16[short]])[0][0]),
        "out.resampled": torchaudio.functional.resample(x24[12000:20001], 24000, 16000),
        "out.resampled_up": torchaudio.functional.resample(x16[8000:10000], 16000, 24000),
        "out.loudness24": torch.tensor([pyloudnorm.Meter(24000).integrated_loudness(x24.double().numpy())]).float(),
        "out.loudness16": torch.tensor([pyloudnorm.Meter(16000).integrated_loudness(x16.double().numpy())]).float(),
    }


def voice_encoder(wave16):
    config = VoiceEncConfig()
    config.ve_hidden_size, config.speaker_embed_size = 16, 12
    model = randomise(VoiceEncoder(config), 21, gain=2.0)
    model.similarity_weight.data, model.similarity_bias.data = torch.tensor([10.0]), torch.tensor([-5.0])
    x = wave16.float().numpy()
    tensors = weights(model)
    for name, wave in [("whole", x), ("short", x[8000:17000]), ("loud", np.tile(x, 3)[:110000] * 3)]:
        tensors["out." + name] = torch.from_numpy(model.embeds_from_wavs([wave], sample_rate=16000))
    save("voice_encoder", tensors, {"num_mels": 40, "ve_hidden_size": 16, "speaker_embed_size": 12})
    return model


def camp_plus(wave16):
    config = {"feat_dim": 80, "embedding_size": 10, "growth_rate": 4, "bn_size": 2, "init_channels": 8, "m_channels": 6}
    model = xvector.CAMPPlus(**{k: v for k, v in config.items() if k != "m_channels"})
    model.head = xvector.FCM(m_channels=config["m_channels"], feat_dim=80)          # 32 in the class
    model.xvector.tdnn = xvector.TDNNLayer(model.head.out_channels, 8, 5, stride=2, padding=-1)
    randomise(model, 22, gain=1.5)
    generator = torch.Generator().manual_seed(23)
    for module in model.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            module.running_mean.copy_(0.2 * torch.randn(module.running_mean.shape, generator=generator))
            module.running_var.copy_(0.5 + torch.rand(module.running_var.shape, generator=generator))
    x = wave16.float()
    tensors = weights(model) | {"out.whole": model.inference([x]), "out.short": model.inference([x[8000:17000]])}
    save("camp_plus", tensors, config)
    return model


def prepared(wave24):
    """The recording as `prepare_conditionals` has it, as it is and at -27 LUFS, at 24 kHz and at both kinds of 16 kHz; for
    soxr stands a sinc of 64 zero crossings, which is the one difference."""
    x = wave24.float()
    gain = 10 ** ((-27 - pyloudnorm.Meter(24000).integrated_loudness(x.double().numpy())) / 20)
    resample = torchaudio.functional.resample
    return {name: (y, resample(y, 24000, 16000, lowpass_filter_width=64), resample(y, 24000, 16000))
            for name, y in [("plain", x), ("normalized", (x.double() * gain).float())]}


def conditionals(wave24, encoder, speaker, tokenizer):
    """What `prepare_conditionals` and `embed_ref` make of the recording, with 20 prompt tokens."""
    tensors = {}
    for name, (at24, sharp, soft) in prepared(wave24).items():
        mel, tokens = mel_spectrogram(at24.numpy()).transpose(1, 2), tokenizer([soft])[0][0]
        tokens = tokens[:mel.shape[1] // 2]
        tensors |= {
            f"{name}.t3.speaker_emb": torch.from_numpy(encoder.embeds_from_wavs([sharp.numpy()], sample_rate=16000)),
            f"{name}.t3.cond_prompt_speech_tokens": tokenizer([sharp[:20 * 640]], max_len=20)[0][0],
            f"{name}.gen.prompt_token": tokens, f"{name}.gen.prompt_feat": half(mel[:, :2 * len(tokens)]),
            f"{name}.gen.embedding": speaker.inference([soft])}
    save("conditionals", tensors)


def s3_tokenizer(wave16, wave24):
    config = {"n_mels": 128, "n_audio_state": 48, "n_audio_head": 3, "n_audio_layer": 2}
    x = wave16.float()
    waves = {"whole": x, "short": x[8000:17000]}
    for seed in range(200):                          # the first random model whose every digit is well away from rounding
        model = randomise(small_tokenizer(**config), seed, gain=1.5)
        model.encoder.freqs_cis = precompute_freqs_cis(16, 2048)                     # the head's width, 64 in the class
        for name, p in model.named_parameters():                                     # 16 bits in the file
            p.data = p.data.bfloat16().float()
        states = []
        hook = model.quantizer._codebook.project_down.register_forward_hook(lambda m, i, o: states.append(o))
        tokens = {name: model([wave])[0][0] for name, wave in waves.items()}
        tokens["limited"] = model([x], max_len=20)[0][0]
        for _, sharp, soft in prepared(wave24).values():
            model([soft]), model([sharp[:20 * 640]], max_len=20)
        hook.remove()
        values = torch.cat([s.reshape(-1) for s in states]).tanh() * 0.999
        if ((values.abs() - 0.5).abs()).min() > 1e-4 and len(set(tokens["whole"].tolist())) > 20:
            break
    else:
        raise SystemExit("no seed gives digits that rounding cannot change")
    stored = {k: v.bfloat16() if not k.endswith(("_mel_filters", "window")) else v for k, v in weights(model).items()}
    save("s3_tokenizer", stored | {f"out.{k}": v for k, v in tokens.items()} | {"out.digits": states[0][0]}, config)
    return model


def main():
    torch.set_num_threads(1)
    speech, rate = soundfile.read(sys.argv[1])
    assert rate == 24000 and speech.ndim == 1, "speech at 24 kHz, one channel"
    wave24, wave16, tensors = front_ends(speech)
    save("recording", tensors)
    conditionals(wave24, voice_encoder(wave16), camp_plus(wave16), s3_tokenizer(wave16, wave24))


if __name__ == "__main__":
    with torch.no_grad():
        main()
