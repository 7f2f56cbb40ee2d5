# The three images: `operator`, `server` (which is the puller's image too) and `tracking`, one target each.
# Stages: tools -> (one environment of locked dependencies an image) -> app (the project itself) -> images.
# Only the last layer of an image changes with the code. Nothing in an image is run by a shell.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS tools
# The system's certificates, so that a registry behind a company's own authority is trusted. Byte code is checked by
# nothing at start: the files never change, and their times are lost when layers are copied.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    UV_CACHE_DIR=/cache/uv \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1 \
    PYC_INVALIDATION_MODE=UNCHECKED_HASH \
    PIP_CACHE_DIR=/cache/pip
# Debian's python3 comes without pip.
# hadolint ignore=DL3008
RUN python3 -m pip --version || { \
        apt-get update && apt-get install -y --no-install-recommends python3-pip && rm -rf /var/lib/apt/lists/*; }
COPY requirements/build.lock /src/requirements/
# hadolint ignore=DL3042
RUN --mount=type=cache,target=/cache \
    python3 -m pip install --target /tools --require-hashes --no-deps -r /src/requirements/build.lock && \
    PYTHONPATH=/tools /tools/bin/uv venv --python python3 /opt/podium
ENV PYTHONPATH=/tools PATH=/tools/bin:$PATH
WORKDIR /src

FROM tools AS operator-dependencies
COPY requirements/operator.lock /src/requirements/
RUN --mount=type=cache,target=/cache \
    uv pip sync --python /opt/podium/bin/python3 --require-hashes requirements/operator.lock && \
    find /opt/podium -depth -type d -name tests -exec rm -rf {} +

FROM tools AS server-dependencies
COPY requirements/serving.lock /src/requirements/
# A pod of a model shows no user interface and calls no service but S3 and what gives credentials.
RUN --mount=type=cache,target=/cache \
    uv pip sync --python /opt/podium/bin/python3 --require-hashes requirements/serving.lock && \
    find /opt/podium -depth -type d \( -name tests -o -path '*/mlflow/server/js' -o -path '*/pyarrow/include' \) \
        -exec rm -rf {} + && \
    find /opt/podium -path '*/botocore/data/*' -prune -type d ! -name s3 ! -name 'sso*' ! -name sts \
        -exec rm -rf {} +

FROM tools AS tracking-dependencies
COPY requirements/tracking.lock /src/requirements/
RUN --mount=type=cache,target=/cache \
    uv pip sync --python /opt/podium/bin/python3 --require-hashes requirements/tracking.lock && \
    find /opt/podium -depth -type d \( -name tests -o -path '*/pyarrow/include' \) -exec rm -rf {} + && \
    find /opt/podium -path '*/botocore/data/*' -prune -type d ! -name s3 ! -name 'sso*' ! -name sts \
        -exec rm -rf {} +

FROM tools AS app
COPY pyproject.toml README.md /src/
COPY operator /src/operator
RUN --mount=type=cache,target=/cache \
    uv pip install --python /opt/podium/bin/python3 --target /opt/app --no-deps --no-build-isolation /src

FROM ${BASE} AS runtime
ENV PATH=/opt/app/bin:/opt/podium/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/opt/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp
WORKDIR /tmp
USER 65532:65532

FROM runtime AS operator
COPY --from=operator-dependencies /opt/podium /opt/podium
COPY --from=app /opt/app /opt/app
CMD ["podium-operator"]

FROM runtime AS server
COPY --from=server-dependencies /opt/podium /opt/podium
COPY --from=app /opt/app /opt/app
CMD ["python3", "-m", "podium.serving"]

FROM runtime AS tracking
COPY --from=tracking-dependencies /opt/podium /opt/podium
COPY --from=app /opt/app /opt/app
CMD ["mlflow", "server"]
