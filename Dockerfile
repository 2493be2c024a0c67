# One image for every process: docker-compose.yml says which one a container runs.
FROM python:3.12-slim AS build
# Without a CPU index PyTorch brings gigabytes of CUDA. Its own "Get started" page names the address; give it as
# --build-arg PIP_EXTRA_INDEX_URL=...
ARG PIP_EXTRA_INDEX_URL
WORKDIR /source
COPY pyproject.toml constraints.txt README.md CHANGELOG.md alembic.ini ./
COPY migrations migrations
COPY templates templates
COPY src src
RUN python -m venv /opt/paperround \
    && /opt/paperround/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.12-slim
RUN useradd --system --create-home --home-dir /var/lib/paperround paperround
COPY --from=build /opt/paperround /opt/paperround
ENV PATH=/opt/paperround/bin:$PATH \
    PAPERROUND_DATA_DIR=/var/lib/paperround \
    PAPERROUND_HOST=0.0.0.0
USER paperround
VOLUME /var/lib/paperround
EXPOSE 8000
HEALTHCHECK --start-period=30s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
CMD ["paperround", "up"]
