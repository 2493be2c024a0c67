# One image for every process: docker-compose.yml says which one a container runs.
FROM python:3.12-slim AS build
# PyTorch's "Get started" page names the index of its CPU builds. Give it as --build-arg PIP_EXTRA_INDEX_URL=...
ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1
WORKDIR /source
COPY requirements requirements
# Nothing is installed but files whose hashes are known. PyTorch first: what isn't one of its CPU builds, such as its CUDA
# build with the gigabytes that it depends on, is refused early.
RUN python -m venv --without-pip /opt/paperround \
    && ln -s /opt/paperround/lib/python3*/site-packages /packages \
    && { python -m pip --python /opt/paperround install --no-compile --no-deps --require-hashes --requirement requirements/torch-cpu.lock \
         || { echo "No CPU build of PyTorch. Give --build-arg PIP_EXTRA_INDEX_URL= the index of its CPU builds." >&2; exit 1; }; }
# All other dependencies, without what nothing imports: PyTorch's C++ headers and its own tests, test suites of libraries.
RUN python -m pip --python /opt/paperround install --no-compile --no-deps --require-hashes --requirement requirements/run.lock \
    && rm -rf /packages/torch/include /packages/torch/test \
    && find /packages/torch/bin -type f ! -name torch_shm_manager -delete \
    && find /packages/ -type d -name tests -prune -exec rm -r {} +
RUN python -m venv /tools && /tools/bin/python -m pip install --no-deps --require-hashes --requirement requirements/tools.lock
COPY pyproject.toml README.md CHANGELOG.md alembic.ini ./
COPY migrations migrations
COPY templates templates
COPY src src
# Bytecode of what the processes import, and of nothing else: at run time the file system is read-only.
RUN /tools/bin/python -m hatchling build --target wheel --directory /wheel \
    && python -m pip --python /opt/paperround install --no-compile --no-deps --no-index /wheel/*.whl \
    && /opt/paperround/bin/python -c "import importlib, pkgutil, paperround; \
[importlib.import_module(found.name) for found in pkgutil.walk_packages(paperround.__path__, 'paperround.')]; \
from paperround.embeddings.encoder import load_model; from paperround.settings import Settings; \
load_model(Settings(_env_file=None)).encode(['one text'])" \
    && /tools/bin/cyclonedx-py environment --pyproject pyproject.toml --output-file /opt/paperround/paperround.cdx.json /opt/paperround

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
