"""The embedded voice in PyTorch: the reference's own classes of T3 and S3Gen at its sizes, and the original of its vocoder in
Training/. The reference has no front end for phonemes, so a text is as many ids as it has characters."""
import json
import os

import reference
import torch
import vocoder
from chatterbox.models.t3.modules.cond_enc import T3Cond
from reference_worker import Reference, only_speech
from safetensors.torch import load_file


class EmbeddedReference(Reference):
    def __init__(self, folder):
        self.model, self.meanflow = "embedded", True
        with open(os.path.join(folder, "config.json")) as file:
            config = json.load(file)
        t3, s3gen, voice = config["t3"], config["s3gen"], config["voices"]["default"]

        def read(part):
            tensors = load_file(os.path.join(folder, config[part]["file"]))
            return {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}

        self.t3 = reference.t3(t3["text_tokens_dict_size"], t3)
        # What only training needs isn't in the file.
        self.t3.load_state_dict(self.t3.state_dict() | read("t3"))
        self.t3.eval()
        self.flow, self.decoder = reference.flow(s3gen).eval(), s3gen["decoder"]
        self.flow.load_state_dict({key.removeprefix("flow."): value for key, value in read("s3gen").items()})
        self.vocoder = vocoder.SourceFilterVocoder(width=config["vocoder"]["width"]).eval()
        self.vocoder.load_state_dict(read("vocoder"))
        voices = read("voices")
        self.conditioning = T3Cond(speaker_emb=voices[voice + ".t3.speaker_emb"], emotion_adv=torch.full((1, 1, 1), 0.5))
        self.speaker = voices[voice + ".gen.embedding"]
        self.valid = only_speech(t3["speech_tokens_dict_size"])

    def text_tokens(self, text):
        settings = self.t3.hp
        ids = [settings.start_text_token] + [2 + ord(letter) % 50 for letter in text] + [settings.stop_text_token]
        return torch.tensor([ids, ids])

    def wave(self, tokens):
        nothing = torch.zeros(1, 0, dtype=torch.long)
        mel, _ = self.flow.inference(
            token=tokens[None], token_len=torch.tensor([len(tokens)]), prompt_token=nothing, prompt_token_len=torch.tensor([0]),
            prompt_feat=torch.zeros(1, 0, 80), prompt_feat_len=None, embedding=self.speaker, finalize=True,
            n_timesteps=self.decoder["n_timesteps"], meanflow=self.decoder["meanflow"])
        return self.vocoder(mel)
