# make up      a cluster on this machine
# make test    everything that CI runs but formats and lints
# make help    the rest

IRONCLAD := target/release/ironclad
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# cargo-nextest runs the tests of all crates side by side; without it cargo does.
RUN_TESTS := $(shell command -v cargo-nextest >/dev/null && echo nextest run --no-fail-fast --retries 2 || echo test --no-fail-fast)

.DEFAULT_GOAL := help
.PHONY: help up down reset deps build images test unit e2e check format lint links

help: ## Say what can be made
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

up: deps build images ## Install what is missing, build, start a cluster, import the example's images
	$(SUDO) $(IRONCLAD) up --detach
	$(SUDO) $(IRONCLAD) image import target/images/*.tar
	@echo
	@echo 'Try it:'
	@echo
	@echo '  export KUBECONFIG=/var/lib/ironclad/admin.kubeconfig'
	@echo '  kubectl apply -f examples/guestbook.yaml'
	@echo '  kubectl get pods -n guestbook --watch'
	@echo "  curl http://$$(hostname -I | cut -d' ' -f1):30080/"

down: ## Stop Ironclad; pods run on
	$(SUDO) $(IRONCLAD) down

reset: ## Take the cluster away; the machine is as it was
	$(SUDO) $(IRONCLAD) reset --yes

deps: ## Install what is missing, from Debian
	@tests/deps

build: ## Build the program
	cargo build --release --bin ironclad

images: ## Build the example's images out of busybox
	cargo xtask images

test: unit e2e ## Unit tables, store conformance, simulation; then the main job end to end

unit: ## The tests of all crates: tables, store conformance, simulation
	cargo $(RUN_TESTS) --workspace

e2e: build images ## The real program, containerd, nf_tables and kubectl; needs root and no cluster here
	cargo build --bin ironclad-e2e
	$(SUDO) target/debug/ironclad-e2e

check: format lint links ## What CI checks besides the tests

format:
	cargo fmt --all --check

lint:
	cargo clippy --workspace --all-targets -- -D warnings

links: ## Whether the links in the documents lead somewhere
	cargo xtask links
