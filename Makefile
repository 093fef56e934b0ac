# `make demo` and `make test` do all the set-up they need: python3 (3.11 or newer), make and a network.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo benchmark new run report zip rank unlock test lint lock clean zoo-demo detect detect-demo

PYTHON ?= python3
# Snakemake starts jobs by the unquoted path of its own interpreter: where the path of this folder has a
# space, the environment lies in the cache and .venv links to it. Those of folders that are gone are removed
# when another is made.
empty :=
space := $(empty) $(empty)
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)
ROOMY := $(if $(findstring $(space),$(CACHE)),/var/tmp,$(CACHE))/ckptrank
NAME := $(shell printf %s "$(CURDIR)" | cksum | cut -d' ' -f1)
VENV := $(if $(findstring $(space),$(CURDIR)),$(ROOMY)/venv-$(NAME),.venv)
BIN := $(VENV)/bin
CORES ?= all
PRESET ?=
export PATH := $(abspath $(BIN)):$(PATH)

# A config.yaml is a run, whose folder keeps its results; other presets are run here.
IS_RUN = $(filter config.yaml,$(notdir $(lastword $(PRESET))))
HERE = $(if $(IS_RUN),$(shell cd "$$(dirname "$(PRESET)")" && pwd),$(CURDIR))
CONFIG = $(if $(PRESET),--configfile "$(if $(IS_RUN),$(HERE)/config.yaml,$(PRESET))")
# One line follows the run; Snakemake's own log is below .snakemake/log.
SNAKEMAKE = snakemake -s "$(CURDIR)/Snakefile" -d "$(HERE)" --logger progress $(CONFIG) --cores $(CORES) --workflow-profile "$(CURDIR)/profiles/default"
REPORT = --report-stylesheet "$(CURDIR)/reports/report.css" --report

help: ## show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# Programs of an environment bear its path: in a folder that was moved or copied, it is made anew.
MADE_IN := $(shell cat "$(VENV)/packages" 2> /dev/null)
ifneq "$(MADE_IN)" "$(CURDIR)"
.PHONY: $(VENV)/packages
endif

$(VENV)/packages: requirements.lock
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ckptrank needs Python 3.11 or newer; set PYTHON=")'
	for other in "$(ROOMY)"/venv-*/packages; do # 6 GB each, and nobody looks for them in the cache
	  [ ! -e "$$other" ] || [ -d "$$(< "$$other")" ] || rm -rf "$$(dirname "$$other")"
	done
	[ ! -L .venv ] || rm .venv
	"$(PYTHON)" -m venv --clear "$(VENV)"
	[ "$(VENV)" = .venv ] || ln -sfn "$(VENV)" .venv
	echo "Installing into $(VENV); this takes a minute or two."
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check -r requirements.lock
	printf %s "$(CURDIR)" > "$@"

# The library, as it stands in scripts/, its command and the logger of Snakemake.
$(VENV)/installed: $(VENV)/packages pyproject.toml
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch "$@"

ifneq "$(VENV)" ".venv"
.venv/installed: $(VENV)/installed
endif

demo: report ## run the built-in benchmark and write reports/report.html (5 minutes on 2 cores)

benchmark: PRESET = presets/builtin_full.yaml
benchmark: report ## the whole built-in benchmark, resumable; write reports/report.html (two hours on 2 cores)

new: $(VENV)/installed ## write a starter config for your images (IMAGES=FOLDER, RUN=folder to write to, CHECKPOINTS=FOLDER)
	ckptrank new "$(or $(RUN),my_run)" $(if $(IMAGES),--images "$(IMAGES)") $(if $(CHECKPOINTS),--checkpoints "$(CHECKPOINTS)")

run: $(VENV)/installed ## run the workflow, or what of it is not up to date (PRESET=presets/NAME.yaml)
	$(SNAKEMAKE)

report: run ## the same, and write reports/report.html
	mkdir -p "$(HERE)/reports"
	$(SNAKEMAKE) $(REPORT) "$(HERE)/reports/report.html" > /dev/null
	echo "The report is in $(HERE)/reports/report.html"

zip: run ## the same, and write reports/report.zip: a folder of pages, for large runs
	mkdir -p "$(HERE)/reports"
	$(SNAKEMAKE) $(REPORT) "$(HERE)/reports/report.zip" > /dev/null
	echo "The report is in $(HERE)/reports/report.zip"

ifdef IMAGES
rank: $(VENV)/installed
	[ -z "$(PRESET)" ] || { echo "Give IMAGES=$(IMAGES) or PRESET=$(PRESET), not both: IMAGES writes a config of its own, PRESET runs one that is there" >&2; exit 2; }
	ckptrank rank "$(IMAGES)" $(if $(RUN),--run "$(RUN)") $(if $(CHECKPOINTS),--checkpoints "$(CHECKPOINTS)") --cores $(CORES)
else
rank: $(VENV)/installed ## rank checkpoints for your tasks, no fine-tuning; write reports/rank.html (IMAGES=FOLDER CHECKPOINTS=FOLDER, or PRESET=)
	[ -n "$(PRESET)" ] || { echo "Say what to rank for: make rank IMAGES=FOLDER, or PRESET=my_run/config.yaml" >&2; exit 2; }
	mkdir -p "$(HERE)/reports"
	$(SNAKEMAKE) rank
	$(SNAKEMAKE) rank $(REPORT) "$(HERE)/reports/rank.html" > /dev/null
	ckptrank answer "$(HERE)"
	echo "The report is in $(HERE)/reports/rank.html"
endif

unlock: $(VENV)/installed ## after a run that was killed: take its lock away (PRESET= as the run's)
	$(SNAKEMAKE) --unlock

zoo-demo: PRESET = presets/zoo_demo.yaml
zoo-demo: $(VENV)/installed ## run the model zoo's benchmark, write reports/report.html (15 minutes on 2 cores)
	targets=$$([ -e results/report/landing.html ] && echo all || echo model_zoo) # beside the first one, if it ran
	$(SNAKEMAKE) $$targets
	$(SNAKEMAKE) $$targets $(REPORT) reports/report.html > /dev/null
	echo "The report is in $(CURDIR)/reports/report.html"

detect: $(VENV)/installed ## fine-tune a detector on each checkpoint, judge the measures; write reports/detection.html (PRESET=)
	[ -n "$(PRESET)" ] || { echo "Say for which images: make detect PRESET=my_run/config.yaml, as make new writes it" >&2; exit 2; }
	mkdir -p "$(HERE)/reports"
	$(SNAKEMAKE) detection
	$(SNAKEMAKE) detection $(REPORT) "$(HERE)/reports/detection.html" > /dev/null
	echo "The report is in $(HERE)/reports/detection.html"

detect-demo: PRESET = presets/detect_demo.yaml
detect-demo: detect ## the same on drawn scenes, with checkpoints that it pre-trains

test: $(VENV)/installed ## run all tests
	pytest $(PYTEST_ARGS)

lint: $(VENV)/installed ## check style and the workflow
	ruff check scripts tests benchmarks docs
	ruff format --check scripts tests benchmarks docs
	snakefmt --check Snakefile rules
	lint-imports
	mypy
	snakemake --lint

lock: $(VENV)/installed ## renew requirements.lock from pyproject.toml
	"$(BIN)/python" -m pip install --quiet uv
	uv pip compile --universal --python-version 3.11 --no-header --no-annotate --all-extras --upgrade pyproject.toml -o requirements.lock

clean: ## remove results, logs and reports, keep the environment
	rm -rf results logs resources .snakemake reports/*.html reports/*.zip
