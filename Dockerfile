# The three images: `operator`, `server` (which is the puller's image too) and `tracking`, one target each.
# Stages: tools -> for each image its locked dependencies, and its parts of the project -> the image.
# Only the last layer of an image changes with the code, and only with the parts that it holds: hack/images names an
# image by a hash of what its stages COPY. Nothing in an image is run by a shell.
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

# The parts of the project that each image holds, installed as the same wheel with fewer folders in it.
FROM tools AS operator-app
COPY pyproject.toml /src/
COPY operator/podium /src/operator/podium
RUN --mount=type=cache,target=/cache \
    touch README.md && \
    uv pip install --python /opt/podium/bin/python3 --target /opt/app --no-deps --no-build-isolation /src && \
    rm /opt/app/bin/podium

FROM tools AS server-app
COPY pyproject.toml /src/
COPY operator/podium/__init__.py operator/podium/names.py operator/podium/errors.py operator/podium/log_lines.py \
     operator/podium/backoff.py /src/operator/podium/
COPY operator/podium/puller /src/operator/podium/puller
COPY operator/podium/serving /src/operator/podium/serving
# Without the entry points of parts that are not here, of which MLflow would warn.
RUN --mount=type=cache,target=/cache \
    touch README.md && \
    uv pip install --python /opt/podium/bin/python3 --target /opt/app --no-deps --no-build-isolation /src && \
    rm -r /opt/app/bin /opt/app/podium-*.dist-info/entry_points.txt

FROM tools AS tracking-app
COPY pyproject.toml /src/
COPY operator/podium/__init__.py operator/podium/names.py operator/podium/errors.py operator/podium/log_lines.py \
     operator/podium/backoff.py operator/podium/settings.py operator/podium/manifest.py operator/podium/texts.py \
     /src/operator/podium/
COPY operator/podium/api /src/operator/podium/api
COPY operator/podium/registry /src/operator/podium/registry
COPY operator/podium/workload /src/operator/podium/workload
COPY operator/podium/gates /src/operator/podium/gates
COPY operator/podium/kube /src/operator/podium/kube
COPY operator/podium/mlflow_plugin /src/operator/podium/mlflow_plugin
COPY operator/podium/process /src/operator/podium/process
COPY operator/podium/sync /src/operator/podium/sync
COPY operator/podium/cli /src/operator/podium/cli
RUN --mount=type=cache,target=/cache \
    touch README.md && \
    uv pip install --python /opt/podium/bin/python3 --target /opt/app --no-deps --no-build-isolation /src && \
    rm /opt/app/bin/podium-operator

FROM ${BASE} AS runtime
# USER is asked for by libraries that want the user's name: the user of a pod may be any number, with no name anywhere.
ENV PATH=/opt/app/bin:/opt/podium/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/opt/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    USER=podium
WORKDIR /tmp
USER 65532:65532

FROM runtime AS operator
COPY --from=operator-dependencies /opt/podium /opt/podium
COPY --from=operator-app /opt/app /opt/app
CMD ["podium-operator"]

FROM runtime AS server
COPY --from=server-dependencies /opt/podium /opt/podium
COPY --from=server-app /opt/app /opt/app
CMD ["python3", "-m", "podium.serving"]

FROM runtime AS tracking
COPY --from=tracking-dependencies /opt/podium /opt/podium
COPY --from=tracking-app /opt/app /opt/app
CMD ["mlflow", "server"]
