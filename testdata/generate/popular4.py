"""The ids that transformers 4.57.6 gives texts: popular.py writes a line of JSON for each folder, [folder, texts], and reads its ids, or null."""

import json, sys, warnings

warnings.filterwarnings("ignore")
import transformers

transformers.logging.set_verbosity(50)
for line in sys.stdin:
    folder, texts = json.loads(line)
    try:
        t = transformers.AutoTokenizer.from_pretrained(folder)
        ids = [t(text)["input_ids"] for text in texts]
    except Exception as e:
        print(folder, e, file=sys.stderr)
        ids = None
    print(json.dumps(ids), flush=True)
