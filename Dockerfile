# The linter alone: docker run --rm -v "$PWD:/src" biaslint
FROM python:3.13-slim
COPY . /biaslint
RUN pip install --no-cache-dir /biaslint && rm -r /biaslint
WORKDIR /src
USER nobody
ENTRYPOINT ["biaslint"]
CMD ["--no-cache", "."]
