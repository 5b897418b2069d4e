"""python yesno.py ../heads/logit-qwen3: what CrossEncoder makes of the causal model alone, without modules and template."""
import json, pathlib, shutil, sys, tempfile
import torch
from sentence_transformers import CrossEncoder

folder, prompt = pathlib.Path(sys.argv[1]), "Be fair: "
cases = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
with tempfile.TemporaryDirectory() as model:
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(folder / "model" / name, model)
    ce = CrossEncoder(model, device="cpu", model_kwargs={"dtype": torch.float32})
    run = lambda **kw: [float("%.9g" % s) for q in cases["queries"] for s in ce.predict([(q, d) for d in cases["documents"]], batch_size=1, **kw)]
    (folder / "plain.json").write_text(json.dumps({"prompt": prompt, "scores": run(), "prompted": run(prompt=prompt)}), encoding="utf-8")
