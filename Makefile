# Lanes of CI, one target each; they run the same on a laptop.
PYTHON ?= .venv/bin/python
WORK := build
STRICT := -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Wshadow \
	-Wstrict-prototypes -Wmissing-prototypes -Werror

.PHONY: all build test lint schema lib example sanitize tsan fuzz fuzz-events \
	endurance dist bench bench-check clean

all: build test lint

build:
	$(PYTHON) setup.py -q build_ext --inplace

test: build
	$(PYTHON) -m pytest
	$(PYTHON) -m pytest bench --benchmark-disable -q

# The codec alone, for programs in C or C++, and one of them.
C_OBJECTS := $(patsubst csrc/%.c,$(WORK)/lib/%.o,$(wildcard csrc/*.c))

lib: $(WORK)/lib/libdlpar.a

$(WORK)/lib/libdlpar.a: $(C_OBJECTS)
	rm -f $@
	$(AR) rcs $@ $^

$(WORK)/lib/%.o: csrc/%.c $(wildcard csrc/*.h)
	@mkdir -p $(WORK)/lib
	$(CC) -std=c11 -O3 -fPIC -Wall -Wextra $(CFLAGS) -c -o $@ $<

example: lib
	$(CC) $(STRICT) -O2 -Icsrc -o $(WORK)/hotplug examples/hotplug.c \
		$(WORK)/lib/libdlpar.a
	$(WORK)/hotplug pydlpar/data/pseries.dtb $(WORK)/plugged.dtb

lint:
	for f in csrc/*.c examples/*.c; do $(CC) $(STRICT) -Icsrc -fsyntax-only $$f || exit 1; done
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

# The tests once more in a copy built with AddressSanitizer and UBSan.
# PYTHONMALLOC: else an overflow into a bytearray goes unseen.
sanitize:
	rm -rf $(WORK)/sanitize && mkdir -p $(WORK)/sanitize
	cp -r csrc pydlpar tests examples docs setup.py pyproject.toml README.md LICENSE \
		$(WORK)/sanitize
	rm -f $(WORK)/sanitize/pydlpar/*.so
	cd $(WORK)/sanitize && corpus=$$(realpath $${PYDLPAR_CORPUS:-../../../shared/corpus}) && \
	PYDLPAR_SANITIZE=1 $(abspath $(PYTHON)) setup.py -q build_ext --inplace && \
	PYDLPAR_CORPUS=$$corpus PYTHONMALLOC=malloc PYTHONPATH=. \
	ASAN_OPTIONS=detect_leaks=0 \
	LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libubsan.so)" \
	$(abspath $(PYTHON)) -m pytest -q -p no:cacheprovider -m "not slow" -n auto \
	--ignore-glob="*qemu*"

# Threads that share trees, in C, under ThreadSanitizer.
tsan:
	mkdir -p $(WORK)
	$(CC) -std=c11 -O1 -g -fsanitize=thread -pthread -Wall -Wextra -Werror \
		-Icsrc -o $(WORK)/tsan tests/c/threads.c csrc/*.c
	$(WORK)/tsan

# libFuzzer on the device tree, from blobs that the tests generate; needs clang.
# What it has found before stays in build/fuzz/corpus.
FUZZ_SECONDS ?= 30
EVENT_FUZZ := $(wildcard tests/fuzz/events*.c)
TREE_FUZZ := $(filter-out $(EVENT_FUZZ),$(wildcard tests/fuzz/*.c))
fuzz:
	mkdir -p $(WORK)/fuzz/corpus
	clang -std=c11 -g -O1 -Icsrc -D__SANITIZE_ADDRESS__=1 \
		-fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined \
		-o $(WORK)/fuzz/tree $(TREE_FUZZ) $(wildcard csrc/*.c)
	$(PYTHON) tests/fuzz/seeds.py $(WORK)/fuzz/seeds
	$(WORK)/fuzz/tree -max_total_time=$(FUZZ_SECONDS) -max_len=8192 -timeout=10 \
		-rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix=$(WORK)/fuzz/ $(WORK)/fuzz/corpus $(WORK)/fuzz/seeds

# The same on RTAS events, their carriers, logs in text, Arrow, and building.
fuzz-events:
	mkdir -p $(WORK)/fuzz/events-corpus
	clang -std=c11 -g -O1 -Icsrc -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined -o $(WORK)/fuzz/events \
		$(EVENT_FUZZ) csrc/error.c $(wildcard csrc/rtas_*.c)
	PYTHONPATH=. $(PYTHON) tests/fuzz/event_seeds.py $(WORK)/fuzz/events-seeds
	$(WORK)/fuzz/events -max_total_time=$(FUZZ_SECONDS) -max_len=8192 -timeout=10 \
		-rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix=$(WORK)/fuzz/ \
		$(WORK)/fuzz/events-corpus $(WORK)/fuzz/events-seeds

# Ten million cycles of each kind on one tree: memory must stay where it was.
CYCLES ?= 10000000
endurance:
	mkdir -p $(WORK)
	$(CC) $(STRICT) -D_DEFAULT_SOURCE -O2 -Icsrc -o $(WORK)/endurance \
		tests/endurance.c $(wildcard csrc/*.c)
	$(WORK)/endurance $(CYCLES)

# An sdist, a wheel from it, and the wheel used from outside the checkout.
dist:
	rm -rf $(WORK)/dist $(WORK)/fresh
	$(PYTHON) -m build --outdir $(WORK)/dist . >/dev/null
	ls $(WORK)/dist/*-cp310-abi3-*.whl
	$(PYTHON) -m venv $(WORK)/fresh
	$(WORK)/fresh/bin/python -m pip install --quiet $(WORK)/dist/*.whl
	cd / && $(abspath $(WORK))/fresh/bin/python -c "import pydlpar, sys; \
	sys.exit(any(m in sys.modules for m in ('cffi', 'click', 'rich')))"
	$(WORK)/fresh/bin/python -m pip install --quiet "$$(ls $(WORK)/dist/*.whl)[cli]"
	cp examples/hotplug.c pydlpar/data/pseries.dtb $(WORK)/fresh
	cd $(WORK)/fresh && $(CC) -O2 -o hotplug hotplug.c \
		-I"$$(bin/python -c 'import pydlpar; print(pydlpar.get_include())')" \
		$$(bin/python -c 'import pydlpar; print(*pydlpar.get_sources())') && \
		./hotplug pseries.dtb plugged.dtb
	cd / && $(abspath $(WORK))/fresh/bin/pydlpar run --plug cpu "cpu add index 0x10000004"

bench:
	$(PYTHON) -m bench

bench-check:
	$(PYTHON) -m pytest bench --benchmark-disable -q
	$(PYTHON) -m bench --quick --check
	$(PYTHON) -m bench.instructions

clean:
	rm -rf build dist *.egg-info pydlpar/_native*.so pydlpar/_native.c

# The JSON schema of events, from the tables in C.
schema: build
	$(PYTHON) -c "import pathlib; from pydlpar.rtas_schema import event_schema_text; \
	pathlib.Path('pydlpar/data/event.schema.json').write_text(event_schema_text())"
