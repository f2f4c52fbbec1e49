# The forecast loop by default, with /health and /predict on 8083; the other processes of the
# Procfile by naming their command.
FROM node:22-slim AS front-end
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    CONFIG_FILE=config/prod.yaml \
    VAR_DIR=/app/var
WORKDIR /app
RUN useradd --system --uid 10001 --home-dir /app cryptosite \
    && install --directory --owner=cryptosite --mode=0700 /app/var
COPY requirements/serve.txt requirements/
RUN pip install -r requirements/serve.txt
COPY --from=front-end /app/node_modules node_modules
COPY . .
USER cryptosite
VOLUME /app/var
EXPOSE 8083 8000 9092
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8083/health', timeout=2)"]
ENTRYPOINT ["python", "-m", "cryptosite.processes.container"]
CMD ["python", "manage.py", "run_inference_loop"]
