# The Dockerfile of an Astro project that holds this repository's folders: docs/managed-airflow.md.
# `-base` is the runtime without its own build steps, which reject apache-airflow in requirements.txt.
FROM astrocrpublic.azurecr.io/runtime:3.3-8-python-3.12-base
WORKDIR /usr/local/airflow
COPY constraints.txt requirements.txt ./
# Airflow comes from the runtime; everything else is as locked here.
RUN grep -vE '^apache-airflow(-core|-task-sdk)?==' constraints.txt > /tmp/constraints.txt \
    && grep -v '^apache-airflow==' requirements.txt > /tmp/requirements.txt \
    && pip install --no-cache-dir --constraint /tmp/constraints.txt --requirement /tmp/requirements.txt
COPY include include
COPY plugins plugins
COPY dags dags
