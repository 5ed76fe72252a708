"""Words a second of gensim's skip-gram (negative sampling, two workers) on a text file.

Arguments: the file, and the number of epochs. Prints one JSON line, as bench/main.ts reads them.
"""
import json
import re
import sys
import time

from gensim.models import Word2Vec

words = re.findall(r"[a-z]+", open(sys.argv[1], errors="ignore").read().lower())
epochs = int(sys.argv[2])
sentences = [words[i:i + 1000] for i in range(0, len(words), 1000)]
model = Word2Vec(vector_size=100, window=5, min_count=5, sg=1, negative=5, sample=1e-3, workers=2, alpha=0.025)
model.build_vocab(sentences)
begin = time.time()
model.train(sentences, total_examples=len(sentences), epochs=epochs)
value = len(words) * epochs / (time.time() - begin)
nearest = model.wv.most_similar(positive=["king", "woman"], negative=["man"], topn=3)
print(f"gensim's king - man + woman: {nearest}", file=sys.stderr)
print(json.dumps(dict(case="word2vec", system="gensim", value=value, unit="per_s", better="higher")))
