STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GQA = eurobert gemma3 llama qwen2 qwen3
MODULES = $(dir $(wildcard examples/*/go.mod cmd/*/go.mod embed/embedhttp/*/go.mod deploy/*/go.mod))
PLATFORMS = linux/amd64 linux/arm64 darwin/arm64 darwin/amd64 windows/amd64 linux/386 linux/riscv64
CROSS = $(PLATFORMS:%=cross/%)
# Without what keeps files or serves: no locks and no mappings there.
WASM = ./embed/minilm ./embed/rerank ./embed/sparse ./embed/multivector ./embed/m3 ./embed/chunk ./search

.PHONY: test lint fuzz examples deploy image man release clients stores bench peers goldens real quality generate cross $(CROSS) tidy $(MODULES)

test:
	go test ./...

lint:
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "gofmt -w is missing on:" $$files; exit 1; fi
	go vet ./...
	$(STATICCHECK) ./...

# Each fuzz target for FUZZTIME=60s.
fuzz:
	.ci/fuzz $(or $(FUZZTIME),60s)

# The modules of their own: examples, packages and tests with dependencies that the rest does without.
# Not from the cache, which does not look at files outside of a module. -j2 compiles two at a time.
examples: $(MODULES)

$(MODULES):
	cd $@ && go vet ./... && go test -count=1 ./...

# The image, the manifest of Kubernetes and the unit of systemd.
deploy:
	cd deploy && go vet ./... && go test -count=1 ./...

# The image, without Docker: rhumb.tar.
image:
	cd deploy && go run . ../rhumb.tar

# What a release consists of, of the commit at hand, into dist.
release:
	cd deploy && go run ./release -snapshot ../dist

# The manual pages of the command, into the folder MAN=DIR.
man:
	cd cmd/rhumb-man && go run . "$(abspath $(or $(MAN),$(error MAN: none given, expected the folder of the pages)))"

# The clients and libraries of other services against this one, also those that .ci/run leaves out.
# They are installed with pip, npm and go, into a folder that goes again.
clients:
	RHUMB_CLIENTS=all go test -count=1 -v -timeout 1h -run TestClients ./embed/embedhttp

# What batch writes for stores into real ones, and its Parquet into the libraries that read it. They are
# installed with pip.
stores:
	python3 -m venv .venv
	.venv/bin/pip install -r testdata/stores/requirements.txt
	go build -o .venv/bin/rhumb ./cmd/rhumb
	.venv/bin/python testdata/stores/stores.py .venv/bin/rhumb
	.venv/bin/python testdata/stores/readers.py --make 10000 .venv/in.parquet
	.venv/bin/rhumb batch .venv/in.parquet .venv/out.parquet --keep text,meta --restart
	.venv/bin/python testdata/stores/readers.py .venv/in.parquet .venv/out.parquet

# All modules, as the others ask for what the first one asks for.
tidy:
	go mod tidy
	$(foreach m,$(MODULES) deploy,(cd $(m) && go mod tidy) &&) true

bench:
	go test -run '^$$' -bench . -benchmem ./...

# Rhumb beside ONNX Runtime, OpenVINO and PyTorch, and the tables and the picture of docs/benchmarks.md that runs.jsonl has: MODELS=DIR and
# STS=FILE as of quality, CELLS= some of what testdata/peers/peers.py measures, UNDER= a command that timed ones run under.
peers:
	@test -n "$(MODELS)" || { echo "make peers: MODELS=DIR is missing, a folder of models' folders"; exit 2; }
	python3 -m venv .venv
	.venv/bin/pip install -r testdata/peers/requirements.txt
	go build -o .venv/bin/rhumb ./cmd/rhumb
	.venv/bin/python testdata/peers/peers.py --under "$(UNDER)" --sts "$(STS)" $(MODELS) .venv/peers .venv/bin/rhumb internal/plot/runs.jsonl $(CELLS)
	go generate ./internal/plot

# The tiny models of testdata. MODEL=DIR, a folder of all-MiniLM-L6-v2, adds the real model's answers. FOUR=PYTHON, one with
# transformers 4.57.6, adds its ids of the popular ones.
goldens:
	python3 -m venv .venv
	.venv/bin/pip install -r testdata/generate/requirements.txt
	.venv/bin/python testdata/generate/generate.py --seed 20260101 --out testdata/goldens
	$(foreach m,$(GQA),.venv/bin/python testdata/generate/generate.py --seed 213 --out testdata/gqa --only $(m) && \
		rm -rf testdata/goldens/$(m)-gqa && mv testdata/gqa/$(m) testdata/goldens/$(m)-gqa &&) rmdir testdata/gqa
	.venv/bin/python testdata/generate/variants.py --out testdata/variants
	.venv/bin/python testdata/generate/published.py --out testdata/variants
	.venv/bin/python testdata/generate/positions.py --out testdata/positions.json
	.venv/bin/python testdata/generate/modules.py --goldens testdata/goldens
	.venv/bin/python testdata/generate/adapters.py --seed 20260101 --goldens testdata/goldens --out testdata/adapters
	.venv/bin/python testdata/generate/popular.py --goldens testdata/goldens --out testdata/popular $(if $(FOUR),--four $(FOUR))
	.venv/bin/python testdata/generate/towers.py --goldens testdata/goldens --out testdata/towers
	.venv/bin/python testdata/generate/verify.py --goldens testdata/goldens --towers testdata/towers --out internal/verify
	.venv/bin/python testdata/generate/jina5.py --seed 20261129 --goldens testdata/goldens --out testdata/adapters
	$(if $(MODEL),.venv/bin/python testdata/generate/minilm.py --model $(MODEL) --out testdata/goldens/all-MiniLM-L6-v2)

# Real models against sentence-transformers, in each precision: MODELS=DIR, a folder of their folders. NAMES= are some of them,
# PYTHON= one with the packages of testdata/generate/requirements.txt, STRICT=1 holds int4 to limits too.
real:
	@test -n "$(MODELS)" || { echo "make real: MODELS=DIR is missing, a folder of models' folders"; exit 2; }
	$(or $(PYTHON),python3) testdata/real/real.py --models $(MODELS) $(if $(STRICT),--strict) $(NAMES)

# How well real models find and compare, in each precision and format: MODELS=DIR, a folder of their folders, and STS=FILE, the test
# set of the STS benchmark as CSV, which testdata has not. docs/quality.md has the figures.
quality:
	@test -n "$(MODELS)" || { echo "make quality: MODELS=DIR is missing, a folder of models' folders"; exit 2; }
	RHUMB_QUALITY="$(abspath $(MODELS))" RHUMB_STS="$(if $(STS),$(abspath $(STS)))" go test -count=1 -v -timeout 0 -run 'Quality|Formats' ./internal/quality

# The assembly. The model of embed/minilm has a generator of its own, which needs the original weights.
generate:
	go generate ./internal/...

# Compiles all packages, and links the command alone.
cross: $(CROSS)
	CGO_ENABLED=0 GOOS=js GOARCH=wasm go build $(WASM)

$(CROSS): cross/%:
	CGO_ENABLED=0 GOOS=$(*D) GOARCH=$(*F) go list -export ./... >/dev/null
	CGO_ENABLED=0 GOOS=$(*D) GOARCH=$(*F) go build -o /dev/null ./cmd/rhumb
