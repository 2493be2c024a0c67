# One image for every process: docker-compose.yml says which one a container runs.
FROM python:3.12-slim AS build
# PyTorch's "Get started" page names the index of its CPU builds. Give it as --build-arg PIP_EXTRA_INDEX_URL=...
ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1
WORKDIR /source
COPY pyproject.toml constraints.txt ./
# PyTorch first and alone: its CUDA build, and the gigabytes that it depends on, are refused early.
RUN python -m venv --without-pip /opt/paperround \
    && ln -s /opt/paperround/lib/python3*/site-packages /packages \
    && python -m pip --python /opt/paperround install --no-compile --no-deps --constraint constraints.txt torch \
    && { grep -q '^cuda.*= None' /packages/torch/version.py \
         || { echo "This is PyTorch for CUDA. Give --build-arg PIP_EXTRA_INDEX_URL= the index of its CPU builds." >&2; exit 1; }; }
# All other dependencies, without what nothing imports: PyTorch's C++ headers and its own tests, test suites of libraries.
RUN python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
print(*project['dependencies'], *project['optional-dependencies']['telemetry'], *project['optional-dependencies']['socks'], sep='\n')" > requirements.txt \
    && python -m pip --python /opt/paperround install --no-compile --constraint constraints.txt --requirement requirements.txt \
    && rm -rf /packages/torch/include /packages/torch/test \
    && find /packages/torch/bin -type f ! -name torch_shm_manager -delete \
    && find /packages/ -type d -name tests -prune -exec rm -r {} +
COPY README.md CHANGELOG.md alembic.ini ./
COPY migrations migrations
COPY templates templates
COPY src src
# Bytecode of what the processes import, and of nothing else: at run time the file system is read-only.
RUN python -m pip --python /opt/paperround install --no-compile --no-deps . \
    && /opt/paperround/bin/python -c "import importlib, pkgutil, paperround; \
[importlib.import_module(found.name) for found in pkgutil.walk_packages(paperround.__path__, 'paperround.')]; \
from paperround.embeddings.encoder import load_model; from paperround.settings import Settings; \
load_model(Settings(_env_file=None)).encode(['one text'])"

FROM python:3.12-slim
# A number, since orchestrators that forbid root can't look up a name. Any other number works as well.
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/paperround --shell /usr/sbin/nologin paperround \
    && install --directory --mode=0700 --owner=paperround --group=paperround /var/lib/paperround
COPY --from=build /opt/paperround /opt/paperround
ENV PATH=/opt/paperround/bin:$PATH \
    HOME=/var/lib/paperround \
    PAPERROUND_DATA_DIR=/var/lib/paperround \
    PAPERROUND_HOST=0.0.0.0
USER 10001
VOLUME /var/lib/paperround
EXPOSE 8000
HEALTHCHECK --start-period=30s CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ.get('PAPERROUND_PORT') or 8000}/healthz\", timeout=3)"]
CMD ["paperround", "up"]
