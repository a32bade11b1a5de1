# SPDX-License-Identifier: MIT
#
# make, make install, make demo, make check, make bench, make figures,
# make size;
# CONTRIBUTING.md tells the rest.  V=1 shows the commands,
# SANITIZE=address,undefined instruments, WERROR=1 makes warnings errors,
# BUILD=DIR builds elsewhere.

VERSION := 0.1.0
BUILD ?= build
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
UNITDIR ?= $(PREFIX)/lib/systemd/system
PKG_CONFIG ?= pkg-config
CLANG_FORMAT ?= clang-format
INSTALL ?= install
OBJCOPY ?= objcopy

Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-8s %s\n')

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
    $(if $(WERROR),-Werror)
HARDENING := -fstack-protector-strong \
    $(if $(SANITIZE),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
sanitize := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer \
    -fno-sanitize-recover=undefined)
cflags := -std=gnu11 -D_GNU_SOURCE -DCHAOS_VERSION='"$(VERSION)"' \
    -Iinclude -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections \
    $(WARNINGS) $(HARDENING) $(sanitize) $(CFLAGS)
ldflags := -Wl,-z,relro,-z,now -Wl,--gc-sections $(sanitize) $(LDFLAGS)

comma := ,

# xenguest.pc leaves out the decompressors, which a static link needs.
xen_shared := -lxenguest -lxenctrl -lxenforeignmemory -lxenevtchn -lxencall \
    -lxentoollog
# Its image loaders register themselves: nothing refers to them.
xen_static := -Wl,--whole-archive -lxenguest -Wl,--no-whole-archive \
    -lxenctrl -lxenforeignmemory -lxenevtchn \
    -lxencall -lxendevicemodel -lxentoolcore -lxentoollog \
    -lz -llzma -lzstd
# A function of libuv that we don't call asks for users' homes: left in, it would
# bring libc's name service with it.
libuv := -luv_a $(if $(SANITIZE),,-Wl$(comma)--defsym=getpwuid_r=0)

library_sources := $(wildcard src/*.c src/*/*.c)
library_objects := $(library_sources:%.c=$(BUILD)/%.o)
cli_objects := $(patsubst %.c,$(BUILD)/%.o,$(wildcard chaos-cli/*.c))
generated := $(BUILD)/chaos.bash $(BUILD)/libchaos.pc $(BUILD)/man/chaos.1 \
    $(BUILD)/man/chaos.cfg.5 $(BUILD)/man/libchaos.3 \
    $(BUILD)/chaos-supervise.service

.PHONY: all
all: $(BUILD)/chaos $(BUILD)/libchaos.a $(BUILD)/libchaos.so.0 unikernels \
    $(generated)

include noxs/unikernels/rules.mk
include tests/rules.mk

$(BUILD)/%.o: %.c
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(cflags) -MMD -MP -c -o $@ $<

# The command line sees the public headers alone.
$(library_objects): cflags += -Isrc -I.

$(BUILD)/libchaos.a: $(library_objects)
	$(say) AR $@
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/libchaos.so.0: $(library_objects) src/libchaos.map
	$(say) LINK $@
	$(Q)$(CC) $(ldflags) -shared -Wl,-soname,libchaos.so.0 -Wl,-z,defs \
	    -Wl,--version-script=src/libchaos.map -o $@ $(library_objects) \
	    $(xen_shared)
	$(Q)ln -sf libchaos.so.0 $(BUILD)/libchaos.so

# Static, all of it: loading the Xen libraries takes longer than a create.
static := $(if $(SANITIZE),,-static -no-pie)
ordered := $(if $(SANITIZE),,-Wl,-T,$(BUILD)/order.ld)
$(BUILD)/chaos: $(cli_objects) $(BUILD)/libchaos.a $(BUILD)/order.ld
	$(say) LINK $@
	$(Q)$(CC) $(ldflags) $(static) $(ordered) -o $@ \
	    $(filter-out %.ld,$^) $(xen_static) $(libuv)

# What runs before and after main() comes first.  Constants go by the objects
# whose code runs.  What is large and seldom written to comes last of all, so
# that the other variables share few pages.
$(BUILD)/order.ld: chaos-cli/order/sections
	$(say) GEN $@
	$(Q)awk -F'(' '/^[^#]/ { text = text "*" $$0 "\n"; \
	    if (!had[$$1]++) rodata = rodata "*" $$1 "(.rodata .rodata.*)\n" } \
	    END { print "SECTIONS { .text.ordered : {"; \
	    print "*(.text.startup .text.startup.*) KEEP(*(SORT_NONE(.fini)))"; \
	    printf "%s", text; print "} } INSERT BEFORE .text;"; \
	    print "SECTIONS { .rodata.ordered : {"; \
	    print "*(.rodata.evex) *(.rodata.avx) *(.rodata.sse4.2)"; \
	    printf "%s", rodata; print "} } INSERT AFTER .rodata;"; \
	    print "SECTIONS { .bss.last (NOLOAD) : {"; \
	    print "*(.bss.stack.*) *(.bss.supervisor.*) *:pthread_keys.o(.bss)"; \
	    print "} } INSERT AFTER .bss;" }' $< > $@

# The list of sections, anew: traced in the lab, for when the code has changed
# much.
.PHONY: order
order: all $(BUILD)/order/trace
	$(Q)$(CC) $(ldflags) $(static) $(ordered) -Wl,-Map,$(BUILD)/order/map \
	    -o $(BUILD)/order/chaos $(cli_objects) $(BUILD)/libchaos.a \
	    $(xen_static) $(libuv)
	$(Q)cmp $(BUILD)/order/chaos $(BUILD)/chaos
	$(Q)rm -rf $(BUILD)/order/traces && mkdir $(BUILD)/order/traces
	$(Q)tests/lab/run --timeout 2400 --share $(BUILD)/order/traces -- \
	    bash -c '. $$CHAOS_ROOT/chaos-cli/order/trace.sh'
	$(Q){ sed -n '/^#/p' chaos-cli/order/sections; \
	    python3 -B chaos-cli/order/sections.py $(BUILD)/order/map \
	    $(BUILD)/order/traces/*; } > $(BUILD)/order/sections
	$(Q)mv $(BUILD)/order/sections chaos-cli/order/sections
$(BUILD)/order/trace: chaos-cli/order/trace.c
	$(say) LINK $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(cflags) $(ldflags) $(static) -o $@ $<

$(BUILD)/chaos.bash: $(BUILD)/chaos
	$(say) GEN $@
	$(Q)$< help --bash > $@.tmp && mv $@.tmp $@

# Anew each time: PREFIX may be another one.
.PHONY: FORCE
FORCE:
$(BUILD)/libchaos.pc: src/libchaos.pc.in FORCE
	$(say) GEN $@
	$(Q)sed -e 's|@VERSION@|$(VERSION)|' -e 's|@PREFIX@|$(PREFIX)|' \
	    -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	    -e 's|@XEN_STATIC@|$(xen_static)|' $< > $@

$(BUILD)/chaos-supervise.service: systemd/chaos-supervise.service FORCE
	$(say) GEN $@
	$(Q)sed -e 's|@BINDIR@|$(BINDIR)|' $< > $@

# The pages' lists are made from the tables that the program runs on.
$(BUILD)/man/chaos.1: docs/man/chaos.1.in $(BUILD)/chaos
	$(say) GEN $@
	$(Q)mkdir -p $(@D)
	$(Q)$(BUILD)/chaos help --mdoc > $@.list
	$(Q)sed -e '/^@COMMANDS@$$/{r $@.list' -e 'd}' $< > $@
	$(Q)rm $@.list

$(BUILD)/gen-cfg-man: docs/man/gen-cfg-man.c src/config/keys.def
	$(say) LINK $@
	$(Q)$(CC) $(cflags) -Isrc $(ldflags) -o $@ $<

$(BUILD)/man/chaos.cfg.5: docs/man/chaos.cfg.5.in $(BUILD)/gen-cfg-man
	$(say) GEN $@
	$(Q)mkdir -p $(@D)
	$(Q)$(BUILD)/gen-cfg-man $< > $@.tmp && mv $@.tmp $@

$(BUILD)/man/libchaos.3: docs/man/libchaos.3
	$(Q)mkdir -p $(@D)
	$(Q)cp $< $@

.PHONY: install
install: all
	$(INSTALL) -d $(addprefix $(DESTDIR),$(BINDIR) $(LIBDIR)/pkgconfig \
	    $(INCLUDEDIR)/chaos $(INCLUDEDIR)/noxs $(MANDIR)/man1 \
	    $(MANDIR)/man3 $(MANDIR)/man5 $(COMPLETIONDIR) $(UNITDIR))
	$(INSTALL) $(BUILD)/chaos $(DESTDIR)$(BINDIR)
	$(INSTALL) -m 644 $(BUILD)/libchaos.a $(BUILD)/libchaos.so.0 \
	    $(DESTDIR)$(LIBDIR)
	ln -sf libchaos.so.0 $(DESTDIR)$(LIBDIR)/libchaos.so
	$(INSTALL) -m 644 $(BUILD)/libchaos.pc $(DESTDIR)$(LIBDIR)/pkgconfig
	$(INSTALL) -m 644 include/chaos/*.h $(DESTDIR)$(INCLUDEDIR)/chaos
	$(INSTALL) -m 644 noxs/abi/noxs.h $(DESTDIR)$(INCLUDEDIR)/noxs
	$(INSTALL) -m 644 $(BUILD)/man/chaos.1 $(DESTDIR)$(MANDIR)/man1
	$(INSTALL) -m 644 $(BUILD)/man/libchaos.3 $(DESTDIR)$(MANDIR)/man3
	$(INSTALL) -m 644 $(BUILD)/man/chaos.cfg.5 $(DESTDIR)$(MANDIR)/man5
	$(INSTALL) -m 644 $(BUILD)/chaos.bash $(DESTDIR)$(COMPLETIONDIR)/chaos
	$(INSTALL) -m 644 $(BUILD)/chaos-supervise.service $(DESTDIR)$(UNITDIR)

# These work on a fresh machine: they install what they miss first.
.PHONY: demo check check-nodes soak bench figures bench-compare bench-base \
    lab-shell
demo:
	$(Q)tests/install-packages build lab
	$(Q)$(MAKE) --no-print-directory all bench-tools
	$(Q)tests/lab/unpack
	$(Q)bench/demo

check:
	$(Q)tests/install-packages build lab
	$(Q)tests/check

# What xl and chaos write to XenStore, beside each other: 20 minutes.
check-nodes:
	$(Q)tests/install-packages build lab
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/lab/guest-initrd
	$(Q)tests/lab/program model
	$(Q)tests/lab/run --timeout 3600 -- env SLOW=yes /chaos/tests/lab/tap same-nodes p9

# What takes longer than a check may: an hour, with its 2000 cycles.
soak:
	$(Q)tests/install-packages build lab
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/lab/unpack
	$(Q)tests/lab/run --timeout 7200 -- bash /chaos/tests/lab/soak.sh \
	    $(or $(CYCLES),2000)

bench:
	$(Q)tests/install-packages build lab
	$(Q)$(MAKE) --no-print-directory all bench-tools
	$(Q)tests/lab/unpack
	$(Q)bench/run $(or $(BENCH),create)

# What benches measure, drawn: takes hours.  FIGURES="create boot": these alone;
# the documentation is made anew when it is all.
figures:
	$(Q)tests/install-packages build lab figures
	$(Q)$(MAKE) --no-print-directory all bench-tools
	$(Q)tests/lab/unpack
	$(Q)bench/figures/run $(if $(FIGURES),,-d) $(FIGURES)

# Beside an earlier run of a bench, or what is kept in the tree of one: fails
# when chaos takes BOUND percent more than then.  bench-base keeps a new one.
BASE ?= bench/base.json
BOUND ?= 5
bench-compare bench-base:
	$(Q)tests/install-packages build lab
	$(Q)$(MAKE) --no-print-directory all bench-tools
	$(Q)tests/lab/unpack
	$(Q)bench/compare -p $(BOUND) $(if $(filter bench-base,$@),-k) $(BASE)

lab-shell:
	$(Q)tests/install-packages build lab
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/lab/unpack
	$(Q)tests/lab/run --interactive

format_files = $(shell git ls-files '*.c' '*.h')
.PHONY: format format-check
format:
	$(CLANG_FORMAT) -i $(format_files)

format-check:
	$(Q)$(CLANG_FORMAT) --dry-run -Werror $(format_files)

# The lab's packages and lwIP's source stay: they are downloads.
.PHONY: clean
clean:
	$(Q)find $(BUILD) -mindepth 1 -maxdepth 1 ! -name lab ! -name lwip \
	    -exec rm -rf {} + 2>/dev/null || true

-include $(library_objects:.o=.d) $(cli_objects:.o=.d)
