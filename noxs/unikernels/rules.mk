# SPDX-License-Identifier: MIT
#
# Builds every unikernel for PV and for PVH: $(BUILD)/unikernels/TYPE/NAME.
# Included by the top-level Makefile; works alone, from the top folder:
#     make -f noxs/unikernels/rules.mk unikernels

BUILD ?= build

UNIKERNELS := noop hello spin crash reboot chatter parrot deaf scribble \
    selftest daytime echo http blkcheck compute

# Those that have lwIP (noxs/lwip) linked in.
NETWORK_UNIKERNELS := daytime echo http
# What some have besides the file of their name.
unikernel_parts_http := http-request.o
unikernel_parts_scribble := $(addprefix scribble-,disk.o grants.o net.o)

unikernel_images := $(foreach t,pv pvh,$(UNIKERNELS:%=$(BUILD)/unikernels/$t/%))

GUEST_CPPFLAGS := -D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__
GUEST_CFLAGS := -std=gnu11 -Os -Wall -Wextra -Werror -m64 -ffreestanding \
    -fno-pic -mno-red-zone -mgeneral-regs-only -fno-stack-protector \
    -fno-asynchronous-unwind-tables -fcf-protection=none \
    -ffunction-sections -fdata-sections
GUEST_CFLAGS += $(UNIKERNEL_CFLAGS)
GUEST_LD ?= $(LD)
GUEST_LDFLAGS := -m elf_x86_64 -static --gc-sections --strip-all \
    --build-id=none -z max-page-size=4096 -z noexecstack
# The one segment is writable and executable on purpose; newer linkers warn.
GUEST_LDFLAGS += $(shell $(GUEST_LD) --help 2>/dev/null | \
    grep -o -m1 -e --no-warn-rwx-segments)

# lwIP's source is fetched, not kept here.  A build below another one, such as
# build/clang, uses that one's.
LWIP ?= $(if $(filter build/%,$(BUILD)),build,$(BUILD))/lwip
LWIP_CPPFLAGS := -Inoxs/lwip -isystem $(LWIP)/src/src/include
lwip_parts := $(addprefix core/,def inet_chksum init ip mem memp netif pbuf \
    tcp tcp_in tcp_out timeouts udp ipv4/etharp ipv4/icmp ipv4/ip4 \
    ipv4/ip4_addr ipv4/ip4_frag) netif/ethernet

$(LWIP)/stamp: noxs/lwip/fetch
	$(Q)noxs/lwip/fetch $(LWIP)

# The kit, for one type; $1 is pv or pvh, $2 its macro.
define unikernel_type
$(BUILD)/noxs/$1/%.o: noxs/%.c
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(GUEST_CPPFLAGS) -D$2 $$(lwip_cppflags) $$(GUEST_CFLAGS) \
	    -MMD -MP -c -o $$@ $$<

$(BUILD)/noxs/$1/%.o: noxs/%.S
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(GUEST_CPPFLAGS) -D$2 -m64 -MMD -MP -c -o $$@ $$<

$(BUILD)/noxs/$1/image.lds: noxs/guest/image.lds.S noxs/guest/layout.h
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -D$2 -E -P -undef -x assembler-with-cpp -o $$@ $$<

guest_kit_$1 := $$(addprefix $(BUILD)/noxs/$1/guest/, \
    $1-boot.o $1.o notes.o noxs-note.o \
    start.o block.o control.o console.o devices.o events.o grants.o mem.o \
    net.o print.o random.o shutdown.o time.o)

lwip_own_$1 := $$(lwip_parts:%=$(BUILD)/noxs/$1/lwip/src/%.o)
guest_network_$1 := $$(lwip_own_$1) $$(addprefix $(BUILD)/noxs/$1/lwip/, \
    interface.o network.o tcp-isn.o)

$$(lwip_own_$1): $(BUILD)/noxs/$1/lwip/src/%.o: $(LWIP)/stamp
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(GUEST_CPPFLAGS) -D$2 $$(lwip_cppflags) $$(GUEST_CFLAGS) \
	    -MMD -MP -c -o $$@ $(LWIP)/src/src/$$*.c

$$(guest_network_$1) \
$$(NETWORK_UNIKERNELS:%=$(BUILD)/noxs/$1/unikernels/%.o): $(LWIP)/stamp
$$(guest_network_$1) \
$$(NETWORK_UNIKERNELS:%=$(BUILD)/noxs/$1/unikernels/%.o): \
    lwip_cppflags := -Inoxs/lwip/libc $$(LWIP_CPPFLAGS)

$$(NETWORK_UNIKERNELS:%=$(BUILD)/unikernels/$1/%): $$(guest_network_$1)
$$(foreach u,$$(UNIKERNELS),$$(eval $(BUILD)/unikernels/$1/$$u: \
    $$(unikernel_parts_$$u:%=$(BUILD)/noxs/$1/unikernels/%)))

$(BUILD)/unikernels/$1/%: $(BUILD)/noxs/$1/unikernels/%.o $$(guest_kit_$1) \
        $(BUILD)/noxs/$1/image.lds
	@mkdir -p $$(@D)
	$$(Q)$$(GUEST_LD) $$(GUEST_LDFLAGS) -T $(BUILD)/noxs/$1/image.lds -o $$@ \
	    $$(filter %.o,$$^)

-include $$(guest_network_$1:.o=.d)
-include $$(guest_kit_$1:.o=.d)
-include $$(UNIKERNELS:%=$(BUILD)/noxs/$1/unikernels/%.d)
-include $$(foreach u,$$(UNIKERNELS),$$(unikernel_parts_$$u:%.o=$(BUILD)/noxs/$1/unikernels/%.d))
endef

$(eval $(call unikernel_type,pv,GUEST_PV))
$(eval $(call unikernel_type,pvh,GUEST_PVH))

.PHONY: unikernels size
unikernels: $(unikernel_images)

size: unikernels
	$(Q)noxs/unikernels/sizes $(BUILD)/unikernels/pv $(BUILD)/unikernels/pvh

# Or make deletes them as intermediate, and builds them again.
.SECONDARY: $(guest_kit_pv) $(guest_kit_pvh) \
    $(guest_network_pv) $(guest_network_pvh) \
    $(UNIKERNELS:%=$(BUILD)/noxs/pv/unikernels/%.o) \
    $(UNIKERNELS:%=$(BUILD)/noxs/pvh/unikernels/%.o)
