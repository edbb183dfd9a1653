"""Records what the exported G2P net says of plain sentences, for the Swift test.
Usage: python g2p_fixture.py ../Models/embedded ../Tests/Fixtures/g2p.json"""
import json
import os
import sys

from safetensors.torch import load_file

from g2p import G2PNet

if __name__ == "__main__":
    folder, path = sys.argv[1:]
    net = G2PNet()
    net.load_state_dict({k: v.float() for k, v in load_file(os.path.join(folder, "g2p.safetensors")).items()})
    net.eval()
    sentences = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Evaluation", "sentences.tsv")
    texts = [line.rstrip("\n").split("\t")[1] for line in open(sentences) if line.startswith("everyday")][:40]
    rows = [{"text": t, "phonemes": net.phonemes(t)} for t in texts]
    with open(path, "w") as f:
        json.dump(rows, f, ensure_ascii=False, indent=1)
        f.write("\n")
