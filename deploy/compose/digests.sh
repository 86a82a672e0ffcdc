#!/bin/sh
# Adds to every base image the digest that its tag has now, in deploy/Dockerfile and deploy/compose.yaml:
# postgres:17.7 becomes postgres:17.7@sha256:..., which names the same bytes for ever. Run it after a tag was
# changed, look at the difference, and commit it. Needs Docker with buildx and a way to the registries.
set -eu
cd "$(dirname "$0")/.."

for file in Dockerfile compose.yaml; do
    images=$(sed -nE 's/^(ARG PYTHON=| *image: )([a-z/]+:[^@ ]+).*/\2/p' $file | grep -v '^postkamer:' | sort -u)
    for image in $images; do
        digest=$(docker buildx imagetools inspect "$image" --format '{{.Manifest.Digest}}')
        if ! printf '%s\n' "$digest" | grep -qxE 'sha256:[0-9a-f]{64}'; then
            echo "$image: no digest in the answer: $digest" >&2
            exit 1
        fi
        sed -i -E "s#(=| )$image(@sha256:[0-9a-f]+)?\$#\1$image@$digest#" $file
        echo "$image@$digest"
    done
done
