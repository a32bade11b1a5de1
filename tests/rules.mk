# SPDX-License-Identifier: MIT
#
# Test and fuzz programs.  They run on the fake hypervisor and the fake dom0:
# they link everything but src/hv and src/dom0.

unit_support := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/unit/fake_*.c \
    tests/unit/support*.c))
unit_names := $(notdir $(basename $(wildcard tests/unit/test_*.c)))
unit_tests := $(addprefix $(BUILD)/tests/,$(unit_names))
testable_objects := $(filter-out $(BUILD)/src/hv/% $(BUILD)/src/dom0/%, \
    $(library_objects))

$(BUILD)/tests/unit/%.o: cflags += -Isrc -I. -Itests/unit
$(BUILD)/tests/fuzz/%.o: cflags += -Isrc -I. -Itests/unit

define unit_test
$(BUILD)/tests/$(notdir $(basename $1)): $(BUILD)/$(basename $1).o \
        $$(unit_support) $$(testable_objects)
	$$(say) LINK $$@
	$$(Q)$$(CC) $$(ldflags) -Wl,--wrap=clock_gettime $$(unit_ldflags) \
	    -o $$@ $$^ -lcmocka -lpthread \
	    $$(unit_libs)
endef
front_end_tests := $(wildcard tests/unit/test_front_*.c)
$(foreach source,$(filter-out $(front_end_tests) tests/unit/test_network.c \
    $(wildcard tests/unit/test_*_run.c), $(wildcard tests/unit/test_*.c)), \
    $(eval $(call unit_test,$(source))))

# Of src/dom0, what any kernel can do.
$(BUILD)/tests/test_model_run: $(BUILD)/src/dom0/model.o
$(BUILD)/tests/test_script_run: $(BUILD)/src/dom0/script.o
$(BUILD)/tests/test_model_run: $(BUILD)/src/dom0/script.o $(BUILD)/src/dom0/model.o
$(BUILD)/tests/test_disk_run: $(BUILD)/src/dom0/disk.o
$(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*_run.c)): \
        $(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(BUILD)/src/error.o
	$(say) LINK $@
	$(Q)$(CC) $(ldflags) -o $@ $^ -lcmocka -lpthread

# libxlutil is the oracle for the syntax and for devices.
$(BUILD)/tests/test_config_oracle: unit_libs := -lxlutil
$(BUILD)/tests/test_config_oracle_devices: unit_libs := -lxlutil -lxenlight
$(BUILD)/tests/test_config_memory: unit_ldflags := -Wl,--wrap=malloc \
    -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=strdup -Wl,--wrap=strndup
$(BUILD)/tests/test_registry_file: unit_ldflags := -Wl,--wrap=fallocate
$(BUILD)/tests/test_pvh: unit_ldflags := -Wl,--wrap=fork
$(BUILD)/tests/test_store: unit_ldflags := -Wl,--wrap=calloc \
    -Wl,--wrap=realloc

# The guest kit's front ends, for this machine.  All their variables are in one
# section, so that a test can start afresh by clearing it.
front_ends := $(addprefix $(BUILD)/tests/guest/,devices.o grants.o net.o \
    block.o) $(BUILD)/tests/unit/guest_world.o
$(BUILD)/tests/guest/%.o: noxs/guest/%.c
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(cflags) $(GUEST_CPPFLAGS) -fno-data-sections -MMD -MP \
	    -c -o $@ $<
	$(Q)$(OBJCOPY) --rename-section .bss=front_end_state $@
$(patsubst %.c,$(BUILD)/%.o,$(front_end_tests) tests/fuzz/fuzz_net.c \
    tests/fuzz/fuzz_block.c tests/fuzz/front.c tests/unit/guest_world.c): \
    cflags += $(GUEST_CPPFLAGS)
$(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(front_end_tests)): \
        $(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(front_ends)
	$(say) LINK $@
	$(Q)$(CC) $(ldflags) -o $@ $^ -lcmocka

# The same for lwIP and the unikernels that it is linked to.
network_stack := $(lwip_parts:%=$(BUILD)/tests/network/stack/%.o)
network_objects := $(network_stack) $(addprefix $(BUILD)/tests/network/, \
    lwip/interface.o lwip/network.o lwip/tcp-isn.o guest/print.o \
    unikernels/http-request.o $(NETWORK_UNIKERNELS:%=unikernels/%.o)) \
    $(BUILD)/tests/unit/wire.o
network_cc = mkdir -p $(@D) && $(CC) $(cflags) $(LWIP_CPPFLAGS) \
    -Dguest_main=$(*F)_main -fno-data-sections -MMD -MP -c -o $@ $1 && \
    $(OBJCOPY) --rename-section .bss=network_state $@
$(network_stack): $(BUILD)/tests/network/stack/%.o: $(LWIP)/stamp
	$(say) CC $*.c
	$(Q)$(call network_cc,$(LWIP)/src/src/$*.c)
$(BUILD)/tests/network/%.o: noxs/%.c $(LWIP)/stamp
	$(say) CC $<
	$(Q)$(call network_cc,$<)
$(BUILD)/tests/unit/wire.o: $(LWIP)/stamp
$(BUILD)/tests/unit/wire.o: cflags += $(LWIP_CPPFLAGS)
$(BUILD)/tests/test_network: $(BUILD)/tests/unit/test_network.o \
        $(network_objects)
	$(say) LINK $@
	$(Q)$(CC) $(ldflags) -o $@ $^ -lcmocka

.PHONY: unit-tests fuzzers bench-tools lab-tools
unit-tests: $(unit_tests)

# Needs CC=clang and SANITIZE=fuzzer-no-link,address,undefined.
fuzzers: $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
$(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o \
        $(filter $(BUILD)/tests/unit/fake_%,$(unit_support)) $(testable_objects)
	$(say) LINK $@
	$(Q)$(CC) $(ldflags) -fsanitize=fuzzer -o $@ $^
$(BUILD)/fuzz_net $(BUILD)/fuzz_block: $(BUILD)/fuzz_%: \
        $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/front.o $(front_ends)
	$(say) LINK $@
	$(Q)$(CC) $(ldflags) -fsanitize=fuzzer -o $@ $^

$(BUILD)/fuzz_http: $(BUILD)/tests/fuzz/fuzz_http.o \
        $(BUILD)/noxs/unikernels/http-request.o
	$(say) LINK $@
	$(Q)$(CC) $(ldflags) -fsanitize=fuzzer -o $@ $^

bench-tools: $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/*.c))
# Static, as chaos itself: what they measure must not be the dynamic linker.
$(BUILD)/bench/%: $(BUILD)/bench/%.o
	$(say) LINK $@
	$(Q)$(CC) $(ldflags) $(static) -o $@ $^ $(bench_libs)
$(BUILD)/bench/inprocess $(BUILD)/bench/many: $(BUILD)/libchaos.a
# Where no other static program is, so that a profile can tell it.
$(BUILD)/bench/spawn: ldflags += -Wl,-Ttext-segment=0x10000000
bench-tools: $(BUILD)/bench/plugin.so
$(BUILD)/bench/plugin.so: bench/profile/plugin.c bench/profile/mark.h
	$(say) LINK $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(cflags) -shared -o $@ $<
$(BUILD)/bench/inprocess $(BUILD)/bench/many: bench_libs := $(xen_static)

# Static, for any dom0.
lab_tools := store suspend core
lab-tools: $(BUILD)/tests/count $(lab_tools:%=$(BUILD)/tests/%)
$(lab_tools:%=$(BUILD)/tests/%): $(BUILD)/tests/%: $(BUILD)/tests/lab/%.o \
        $(BUILD)/libchaos.a
	$(say) LINK $@
	$(Q)$(CC) $(ldflags) $(static) -o $@ $^ $(xen_static)
$(lab_tools:%=$(BUILD)/tests/lab/%.o): cflags += -Isrc
count_objects := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/lab/count/*.c))
$(BUILD)/tests/count: $(count_objects)
	$(say) LINK $@
	$(Q)$(CC) $(ldflags) $(static) -o $@ $^
$(BUILD)/tests/lab/count/counts.o: $(BUILD)/tests/lab/count/names.h
$(BUILD)/tests/lab/count/counts.o: cflags += -I$(BUILD)/tests/lab/count
$(BUILD)/tests/lab/count/names.h: tests/lab/count/names
	$(say) GEN $@
	$(Q)mkdir -p $(@D)
	$(Q)$< $(CC) > $@.tmp && mv $@.tmp $@

.SECONDARY:
-include $(unit_support:.o=.d) $(count_objects:.o=.d) \
    $(wildcard $(BUILD)/tests/*/*.d) \
    $(wildcard $(BUILD)/bench/*.d)
