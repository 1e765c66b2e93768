# The image of workers on Dataflow, Flink and Kubernetes: Beam's boot, libsndfile, locked dependencies, the wheel.
#
#   docker build --tag REGISTRY/elsa-spatial-audio:0.1.0 .
#
# The version of Beam here is that of constraints/py311.txt: a test holds the two together.
FROM apache/beam_python3.11_sdk:2.77.0 AS beam

FROM python:3.11-slim AS wheel
WORKDIR /build
COPY constraints/py311.txt constraints/py311.txt
RUN pip install --no-cache-dir --constraint constraints/py311.txt setuptools wheel
COPY LICENSE setup.py pyproject.toml ./
COPY pipeline pipeline
COPY transforms transforms
COPY prompts prompts
COPY model model
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist .

FROM python:3.11-slim
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
COPY constraints/py311.txt /tmp/constraints.txt
COPY --from=wheel /build/dist /tmp/dist
RUN wheel="$(ls /tmp/dist/*.whl)" \
    && pip install --no-cache-dir --constraint /tmp/constraints.txt "${wheel}[gcp,aws]" \
    && pip check \
    && rm -rf /tmp/dist /tmp/constraints.txt
COPY --from=beam /opt/apache/beam /opt/apache/beam
RUN useradd --uid 10001 --create-home --home-dir /var/lib/elsa worker
# By number, as Kubernetes wants it to see that it is not root.
USER 10001
WORKDIR /var/lib/elsa
# The whole graph loads here, or the image is not built.
RUN python -c "import pipeline.dag, apache_beam.runners.worker.sdk_worker_main"
ENTRYPOINT ["/opt/apache/beam/boot"]
