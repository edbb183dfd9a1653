"""Writes the sentences that the teacher speaks: WordNet glosses and examples, fortunes, templates of everyday talk,
numbers and dates in words, names and rare words, short utterances.  Usage: python text.py [count]"""
import glob
import gzip
import json
import os
import random
import re
import sys

from features import DATA
from templates import CONVERSATION, FILL, NUMBERS, SHORT, number_words

random.seed(7)
PLAIN = re.compile(r"^[A-Za-z ,.!?'\-;:]+$")


def clean(text):
    text = text.replace("’", "'").replace("`", "'").replace('"', "").replace("--", ", ")
    text = re.sub(r"\([^)]*\)", "", text)
    return re.sub(r"\s+", " ", text).strip(" -,;:")


def fits(text, low=3, high=26):
    words = text.split()
    return (low <= len(words) <= high and PLAIN.match(text) and len(text) <= 170
            and not re.search(r"[A-Z]{3,}", text) and max(map(len, words)) <= 16)


def sentence(text):
    text = text[0].upper() + text[1:]
    return text if re.search(r"[.!?]$", text) else text + "."


def wordnet():
    examples, glosses = [], []
    for part in ("adj", "adv", "noun", "verb"):
        for line in open(f"/usr/share/wordnet/data.{part}", errors="ignore"):
            if " | " not in line:
                continue
            word, gloss = line.split()[4].replace("_", " ").split("(")[0], line.split(" | ", 1)[1].strip()
            examples += [sentence(e) for e in map(clean, re.findall(r'"([^"]+)"', gloss)) if e]
            meaning = clean(re.sub(r'"[^"]*"', "", gloss).split(";")[0])
            if meaning and len(word) < 16:
                form = random.choice(["{w} means {d}.", "The word {w} means {d}.", "They call it {w}, {d}.", "{d}.", "{w}: {d}."])
                glosses.append(sentence(form.format(w=word, d=meaning)))
    return examples, glosses


def fortunes():
    found = []
    for path in glob.glob("/usr/share/games/fortunes/*"):
        if path.endswith((".dat", ".u8")) or "ascii" in path or "perl" in path:
            continue
        for paragraph in re.split(r"\n%\n|\n\s*\n", open(path, errors="ignore").read()):
            paragraph = re.sub(r"\n\s*-- .*", "", paragraph, flags=re.S)
            for text in re.split(r"(?<=[.!?])\s+", re.sub(r"\s+", " ", paragraph)):
                text = clean(text)
                if text and re.search(r"[.!?]$", text) and text[0].isupper():
                    found.append(text)
    return found


def filled(template):
    values = {k + n: random.choice(v) for k, v in FILL.items() for n in ("", "2")}
    return sentence(re.sub(r"\{#(\d+)-(\d+)\}", lambda m: number_words(random.randint(int(m[1]), int(m[2]))), template).format(**values))


def main(count):
    import hibari
    lexicon = json.load(gzip.open(os.path.join(os.path.dirname(hibari.__file__), "assets/lexicon_us_gold.json.gz")))
    words = [w for w in lexicon if w.isalpha() and w.isascii() and 2 < len(w) < 15]
    names = [w for w in words if w[0].isupper() and w[1:].islower()]
    examples, glosses = wordnet()
    kinds = {
        "examples": examples, "fortunes": fortunes(), "glosses": glosses,
        "talk": [filled(random.choice(CONVERSATION)) for _ in range(30000)],
        "numbers": [filled(random.choice(NUMBERS)) for _ in range(9000)],
        "words": [sentence(" ".join(random.sample(words, random.randint(3, 8)))) for _ in range(4000)],
        "names": [filled(random.choice(CONVERSATION)).replace(random.choice(FILL["N"]), "") and
                  sentence(random.choice(["{a} {b} met {c} in {d}.", "This is {a} {b}, from {d}.", "Call {a} {b}, please.",
                                          "{a}, {b} and {c} live in {d}.", "Professor {b} of {d} thanked {a} {c}.",
                                          "We flew from {b} to {d} with {a}.", "Did {a} {b} write to {c}?"]).format(
                      **dict(zip("abcd", random.sample(names, 4))))) for _ in range(5000)],
    }
    share = {"examples": .27, "fortunes": .17, "glosses": .10, "talk": .24, "numbers": .10, "words": .04, "names": .08}
    singles, seen = [], set()
    for kind, texts in kinds.items():
        unique = []
        for text in texts:
            if fits(text) and text.lower() not in seen:
                seen.add(text.lower())
                unique.append(text)
        random.shuffle(unique)
        print(kind, len(unique), unique[:3])
        singles += unique[: int(count * share[kind])]
    random.shuffle(singles)
    pairs, rest = singles[: len(singles) // 4], singles[len(singles) // 4:]
    joined, i = [], 0                    # a quarter become utterances of two or three sentences
    while i < len(pairs):
        n = random.choice([2, 2, 3])
        group = pairs[i:i + n]
        i += n
        joined.append(" ".join(group)) if sum(map(len, group)) <= 230 else joined.extend(group)
    short = [s for s in SHORT for _ in range(max(1, int(count * .03) // len(SHORT)))]
    mix = rest + joined + short
    random.shuffle(mix)
    os.makedirs(DATA, exist_ok=True)
    json.dump(mix, open(os.path.join(DATA, "text.json"), "w"))
    print(len(mix), "utterances,", sum(map(len, mix)) / 15 / 3600, "hours or so")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 36000)
