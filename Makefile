# The few commands a newcomer needs. Everything else is cargo's.

CARGO ?= cargo
PREFIX ?= /usr/local
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help demo prepare test fuzz soak bench check-macos docs lint release install install-units uninstall

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

install: release install-units
	install -Dm755 $(TARGET)/release/rolecalld $(DESTDIR)$(PREFIX)/bin/rolecalld
	install -Dm755 $(TARGET)/release/rolecall $(DESTDIR)$(PREFIX)/bin/rolecall

LIB = $(DESTDIR)$(PREFIX)/lib

# A user's unit, and the system service's with its user and its directory (systemd-sysusers, systemd-tmpfiles --create).
install-units:
	install -d $(LIB)/systemd/user $(LIB)/systemd/system
	sed 's|/usr/bin/rolecalld|$(PREFIX)/bin/rolecalld|' systemd/rolecalld.service > $(LIB)/systemd/user/rolecalld.service
	sed 's|/usr/bin/rolecalld|$(PREFIX)/bin/rolecalld|' systemd/rolecalld-system.service > $(LIB)/systemd/system/rolecalld-system.service
	install -Dm644 systemd/rolecall.sysusers $(LIB)/sysusers.d/rolecall.conf
	install -Dm644 systemd/rolecall.tmpfiles $(LIB)/tmpfiles.d/rolecall.conf

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/rolecalld $(DESTDIR)$(PREFIX)/bin/rolecall $(LIB)/systemd/user/rolecalld.service
	rm -f $(LIB)/systemd/system/rolecalld-system.service $(LIB)/sysusers.d/rolecall.conf $(LIB)/tmpfiles.d/rolecall.conf
