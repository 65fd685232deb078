# The few commands a newcomer needs. Everything else is cargo's.

CARGO ?= cargo
PREFIX ?= /usr/local
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help demo prepare test fuzz soak bench check-macos docs lint release install uninstall

help:
	@echo 'make demo      the main job in a minute, without an AWS account'
	@echo 'make test      everything: fetches what real SDKs need, then runs it in a network namespace of its own'
	@echo 'make fuzz      every fuzz target for ten minutes; needs nightly and cargo-fuzz'
	@echo 'make soak      every fuzz target for an hour'
	@echo 'make bench     what it costs, as ratios against floors measured in the same run'
	@echo 'make lint      format and clippy, as CI runs them'
	@echo 'make check-macos  type-check for macOS, where its target can be had'
	@echo 'make docs      rewrite the generated parts of the documentation'
	@echo 'make release   $(TARGET)/release/rolecalld and rolecall (static)'
	@echo 'make install   into PREFIX ($(PREFIX))'

demo:
	@$(CARGO) build --quiet --locked -p rolecall -p rolecalld -p rolecall-tests --bins
	@tests/isolated $(TARGET)/debug/demo

prepare:
	@tests/prepare

test: prepare
	@tests/run

fuzz:
	@fuzz/run 600

soak:
	@fuzz/run 3600

bench: release
	@$(CARGO) build --quiet --locked --release -p rolecall-tests --bin bench
	@tests/isolated $(TARGET)/release/bench

lint:
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

check-macos:
	@tests/check-macos

docs:
	@$(CARGO) build --quiet --locked -p rolecall -p rolecalld -p rolecall-tests --bins
	@$(TARGET)/debug/docs

release:
	@$(CARGO) build --locked --release -p rolecalld
	@tests/static-client

install: release
	install -Dm755 $(TARGET)/release/rolecalld $(DESTDIR)$(PREFIX)/bin/rolecalld
	install -Dm755 $(TARGET)/release/rolecall $(DESTDIR)$(PREFIX)/bin/rolecall
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/user
	sed 's|/usr/bin/rolecalld|$(PREFIX)/bin/rolecalld|' systemd/rolecalld.service > $(DESTDIR)$(PREFIX)/lib/systemd/user/rolecalld.service

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/rolecalld $(DESTDIR)$(PREFIX)/bin/rolecall $(DESTDIR)$(PREFIX)/lib/systemd/user/rolecalld.service
