# The study, and the browser of its results, in one image: docs/docker.md.
#
#   BASE                 Debian 12, or what is made from it. An image with CUDA is not needed: PyPI's
#                        torch brings CUDA's libraries, `docker run --gpus all` the driver
#   PIP_EXTRA_INDEX_URL  an index that has torch for processors alone: several GB less
#   REVISION             the git commit of these files, where their .git is not in the context
ARG BASE=debian:bookworm-20250520-slim

FROM ${BASE} AS system
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*

# The project's files with one commit of their history. What this stage leaves behind (older
# commits, other branches, a remote's address) is not in the image.
FROM system AS files
ARG REVISION=
COPY . /study
RUN sh /study/docker/repository /study "${REVISION}" && chmod -R a+rX /study

FROM system
ENV PATH=/opt/venv/bin:${PATH} PYTHONPATH=/study PYTHONUNBUFFERED=1
# Exact versions, and only of what the study and the browser need; a change of code leaves this
# layer as it is.
ARG PIP_EXTRA_INDEX_URL=
WORKDIR /tmp/lock
COPY pyproject.toml requirements.lock requirements-files.lock ./
RUN python3 -m venv /opt/venv \
 && python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
extras = project["optional-dependencies"]; \
print(*project["dependencies"], *extras["app"], *extras["study"], sep="\n")' > wanted \
 && pip install --no-cache-dir --constraint requirements.lock --requirement wanted \
 && pip install --no-cache-dir --no-deps --requirement requirements-files.lock

# Everything that is written lies in the volume, whoever runs the container (`--user` takes any id).
ENV HOME=/tmp USER=study HF_HOME=/cache/huggingface DVC_SITE_CACHE_DIR=/cache/dvc-state \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
RUN git config --system safe.directory '*' \
 && git config --system user.name study \
 && git config --system user.email study@localhost \
 && dvc config --system cache.dir /cache/dvc \
 && mkdir -m 1777 /cache
COPY --from=files /study /study
WORKDIR /study
VOLUME /cache
EXPOSE 8501
# Started as root, the entrypoint first becomes the owner of the folder at /out, or user 1000, so that
# a folder that Docker has just made can be written; nothing else is ever done as root.
ENTRYPOINT ["python", "/study/docker/entrypoint.py"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s \
  CMD ["python", "/study/docker/entrypoint.py", "healthy"]
