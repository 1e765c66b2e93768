# The image of workers on Dataflow, Flink and Kubernetes: Beam's boot, libsndfile, locked dependencies, the wheel.
#
#   docker build --build-arg PYTHON_DIGEST=sha256:… --build-arg BEAM_DIGEST=sha256:… \
#       --tag REGISTRY/elsa-spatial-audio:0.1.0 .
#
# A tag can be moved to another image, a digest cannot. Without the digests nothing is built; docs/runners.md says how
# to take them. The version of Beam here is that of constraints/py311.txt: a test holds the two together.
ARG BEAM_DIGEST
ARG PYTHON_DIGEST
FROM apache/beam_python3.11_sdk:2.77.0@${BEAM_DIGEST} AS beam

FROM python:3.11-slim@${PYTHON_DIGEST} AS wheel
WORKDIR /build
COPY constraints/build.txt constraints/build.txt
RUN pip install --no-cache-dir --require-hashes --requirement constraints/build.txt
COPY LICENSE setup.py pyproject.toml ./
COPY pipeline pipeline
COPY transforms transforms
COPY prompts prompts
COPY model model
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist .

FROM python:3.11-slim@${PYTHON_DIGEST}
# soundfile's wheels bring a libsndfile; Debian's is for a machine that has no such wheel. ca-certificates are for stores
# and endpoints. Security updates are wanted, so no versions.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libsndfile1 \
    && rm -rf /var/lib/apt/lists/*
# One thread a library: a worker process is one core's work, and samples may not depend on threads. Boot makes no
# environment of its own, which it could not as this user, and which would lack nothing of what is here.
ENV OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    PRA_NUM_THREADS=1 \
    PYTHONUNBUFFERED=1 \
    RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
# Every file that is installed has a hash that was noted when the versions were pinned (make constraints).
COPY constraints/image.txt /tmp/image.txt
COPY --from=wheel /build/dist /tmp/dist
RUN pip install --no-cache-dir --require-hashes --no-deps --requirement /tmp/image.txt \
    && pip install --no-cache-dir --no-deps --no-index /tmp/dist/*.whl \
    && pip check \
    && rm -rf /tmp/dist /tmp/image.txt
COPY --from=beam /opt/apache/beam /opt/apache/beam
RUN useradd --uid 10001 --create-home --home-dir /var/lib/elsa worker
# By number, as Kubernetes wants it to see that it is not root.
USER 10001
WORKDIR /var/lib/elsa
# The whole graph loads here, or the image is not built.
RUN python -c "import pipeline.dag, apache_beam.runners.worker.sdk_worker_main"
ENTRYPOINT ["/opt/apache/beam/boot"]
