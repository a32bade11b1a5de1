/* SPDX-License-Identifier: MIT */
/* What is particular to PVH domains: parameters, memory map, vCPU state. */
#include "handle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/hvm/e820.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/hvm/save.h>

#define REGIONS_MAX 16

#define MTRR_WRITE_BACK 6u     /* Intel SDM vol. 3, 12.11.2.1 */
#define MTRR_ENABLE (1u << 11) /* IA32_MTRR_DEF_TYPE.E */
#define CR0_PE (1u << 0)
#define CR0_ET (1u << 4)
#define DR6_DEFAULT 0xffff0ff0u /* Intel SDM vol. 3, table 10-1 */
#define DR7_DEFAULT 0x400u

/* Cached segment attributes: type, S, DPL, P, then AVL, L, D/B, G in bits 8
 * to 11, as VMX and SVM hold them. */
#define CODE_ATTRIBUTES 0xc9bu /* 32-bit code, readable, accessed, 4 KiB */
#define DATA_ATTRIBUTES 0xc93u /* 32-bit data, writable, accessed, 4 KiB */
#define TSS_ATTRIBUTES 0x8bu   /* busy 32-bit TSS */
#define TSS_LIMIT 0x67u

static const uint32_t param_numbers[] = {
    [CHAOS__HV_CONSOLE_PFN] = HVM_PARAM_CONSOLE_PFN,
    [CHAOS__HV_CONSOLE_PORT] = HVM_PARAM_CONSOLE_EVTCHN,
    [CHAOS__HV_STORE_PFN] = HVM_PARAM_STORE_PFN,
    [CHAOS__HV_STORE_PORT] = HVM_PARAM_STORE_EVTCHN,
    [CHAOS__HV_IDENT_PT] = HVM_PARAM_IDENT_PT,
};

int chaos__hv_set_param(struct chaos__hv *hv, uint32_t domid,
                        enum chaos__hv_param param, uint64_t value,
                        struct chaos_error *err)
{
    xc_interface *xc = chaos__hv_xc(hv);

    if (!xc || xc_hvm_param_set(xc, domid, param_numbers[param], value) < 0)
        return chaos__hv_fail(err, domid, "setting an HVM parameter");
    return 0;
}

int chaos__hv_get_param(struct chaos__hv *hv, uint32_t domid,
                        enum chaos__hv_param param, uint64_t *value_r,
                        struct chaos_error *err)
{
    xc_interface *xc = chaos__hv_xc(hv);

    if (!xc || xc_hvm_param_get(xc, domid, param_numbers[param], value_r) < 0)
        return chaos__hv_fail(err, domid, "reading an HVM parameter");
    return 0;
}

int chaos__hv_set_memory_map(struct chaos__hv *hv, uint32_t domid,
                             const struct chaos__hv_memory_region *regions,
                             size_t count, struct chaos_error *err)
{
    xc_interface *xc = chaos__hv_xc(hv);
    struct e820entry map[REGIONS_MAX];
    size_t i;

    if (count > REGIONS_MAX)
        return chaos__fail(err, CHAOS_EFAILED, "memory map: %zu regions",
                           count);
    for (i = 0; i < count; i++)
        map[i] = (struct e820entry){
            .addr = regions[i].start,
            .size = regions[i].size,
            .type = regions[i].ram ? E820_RAM : E820_RESERVED,
        };
    if (!xc || xc_domain_set_memory_map(xc, domid, map, (uint32_t)count) < 0)
        return chaos__hv_fail(err, domid, "setting the memory map");
    return 0;
}

/* Finds a record in a saved domain; NULL when it is not there whole. */
static const void *find_record(const uint8_t *context, size_t size,
                               unsigned typecode, size_t length)
{
    struct hvm_save_descriptor descriptor;
    size_t at = 0;

    while (size - at >= sizeof(descriptor)) {
        memcpy(&descriptor, context + at, sizeof(descriptor));
        at += sizeof(descriptor);
        if (descriptor.length > size - at)
            return NULL;
        if (descriptor.typecode == typecode)
            return descriptor.length >= length ? context + at : NULL;
        at += descriptor.length;
    }
    return NULL;
}

/* The domain's whole saved state: Xen gives the header in no other way. */
static int get_context(struct chaos__hv *hv, uint32_t domid,
                       uint8_t **context_r, size_t *size_r,
                       struct chaos_error *err)
{
    xc_interface *xc = chaos__hv_xc(hv);
    int size = xc ? xc_domain_hvm_getcontext(xc, domid, NULL, 0) : -1;
    uint8_t *context;

    if (size <= 0)
        return chaos__hv_fail(err, domid, "reading the vCPU state's size");
    context = calloc(1, (size_t)size);
    if (!context)
        return chaos__fail_memory(err);
    size = xc_domain_hvm_getcontext(xc, domid, context, (uint32_t)size);
    if (size <= 0) {
        free(context);
        return chaos__hv_fail(err, domid, "reading the vCPU state");
    }
    *context_r = context;
    *size_r = (size_t)size;
    return 0;
}

static int set_context(struct chaos__hv *hv, uint32_t domid,
                       const void *context, size_t size, const char *what,
                       struct chaos_error *err)
{
    struct hv_domctl *domctl =
        chaos__hv_domctl(hv, domid, XEN_DOMCTL_sethvmcontext);

    if (!domctl)
        return chaos__hv_fail(err, domid, what);
    memcpy(domctl->payload, context, size);
    domctl->call.u.hvmcontext.size = (uint32_t)size;
    set_xen_guest_handle_raw(domctl->call.u.hvmcontext.buffer, domctl->payload);
    if (chaos__hv_domctl_run(hv) < 0)
        return chaos__hv_fail(err, domid, what);
    return 0;
}

/* Memory is write-back unless a range says otherwise; the reset value is
 * uncacheable, and no firmware runs that would change it. */
static int set_write_back(struct chaos__hv *hv, uint32_t domid, unsigned vcpus,
                          HVM_SAVE_TYPE(HEADER) header,
                          HVM_SAVE_TYPE(MTRR) state, struct chaos_error *err)
{
    struct {
        struct hvm_save_descriptor header_is;
        HVM_SAVE_TYPE(HEADER) header;
        struct hvm_save_descriptor mtrr_is;
        HVM_SAVE_TYPE(MTRR) mtrr;
        struct hvm_save_descriptor end_is;
    } context = {
        .header_is = { HVM_SAVE_CODE(HEADER), 0, HVM_SAVE_LENGTH(HEADER) },
        .header = header,
        .mtrr_is = { HVM_SAVE_CODE(MTRR), 0, HVM_SAVE_LENGTH(MTRR) },
        .mtrr = state,
        .end_is = { HVM_SAVE_CODE(END), 0, 0 },
    };
    unsigned i;
    int rc = 0;

    _Static_assert(sizeof(context) <= HV_PAYLOAD_MAX, "room for it");
    context.mtrr.msr_mtrr_def_type = MTRR_WRITE_BACK | MTRR_ENABLE;
    for (i = 0; rc == 0 && i < vcpus; i++) {
        context.mtrr_is.instance = (uint16_t)i;
        rc = set_context(hv, domid, &context, sizeof(context),
                         "setting the memory types", err);
    }
    return rc;
}

int chaos__hv_pvh_prepare_vcpus(struct chaos__hv *hv, uint32_t domid,
                                unsigned vcpus,
                                struct chaos__hv_vcpu_header *header_r,
                                struct chaos_error *err)
{
    const HVM_SAVE_TYPE(HEADER) * header;
    const HVM_SAVE_TYPE(MTRR) * mtrr;
    uint8_t *context = NULL;
    size_t size = 0;
    int rc;

    _Static_assert(HVM_SAVE_LENGTH(HEADER) <= sizeof(header_r->bytes),
                   "room for the header");
    rc = get_context(hv, domid, &context, &size, err);
    if (rc < 0)
        return rc;
    header = find_record(context, size, HVM_SAVE_CODE(HEADER),
                         HVM_SAVE_LENGTH(HEADER));
    mtrr =
        find_record(context, size, HVM_SAVE_CODE(MTRR), HVM_SAVE_LENGTH(MTRR));
    if (!header || !mtrr) {
        rc = chaos__fail(err, CHAOS_EFAILED,
                         "reading the vCPU state: Xen's lacks a record");
    } else {
        memcpy(header_r->bytes, header, sizeof(*header));
        header_r->size = sizeof(*header);
        rc = set_write_back(hv, domid, vcpus, *header, *mtrr, err);
    }
    free(context);
    return rc;
}

int chaos__hv_pvh_set_entry(struct chaos__hv *hv, uint32_t domid,
                            const struct chaos__hv_vcpu_header *header,
                            uint64_t entry, uint64_t start_info,
                            struct chaos_error *err)
{
    struct {
        struct hvm_save_descriptor header_is;
        HVM_SAVE_TYPE(HEADER) header;
        struct hvm_save_descriptor cpu_is;
        HVM_SAVE_TYPE(CPU) cpu;
        struct hvm_save_descriptor end_is;
    } context = {
        .header_is = { HVM_SAVE_CODE(HEADER), 0, HVM_SAVE_LENGTH(HEADER) },
        .cpu_is = { HVM_SAVE_CODE(CPU), 0, HVM_SAVE_LENGTH(CPU) },
        .cpu = {
            .cr0 = CR0_PE | CR0_ET,
            .rip = entry,
            .rbx = start_info,
            .rflags = 2, /* bit 1 is always set */
            .dr6 = DR6_DEFAULT,
            .dr7 = DR7_DEFAULT,
            .cs_limit = ~0u,
            .cs_arbytes = CODE_ATTRIBUTES,
            .ds_limit = ~0u,
            .ds_arbytes = DATA_ATTRIBUTES,
            .es_limit = ~0u,
            .es_arbytes = DATA_ATTRIBUTES,
            .ss_limit = ~0u,
            .ss_arbytes = DATA_ATTRIBUTES,
            .tr_limit = TSS_LIMIT,
            .tr_arbytes = TSS_ATTRIBUTES,
        },
        .end_is = { HVM_SAVE_CODE(END), 0, 0 },
    };

    _Static_assert(sizeof(context) <= HV_PAYLOAD_MAX, "room for it");
    memcpy(&context.header, header->bytes, sizeof(context.header));
    return set_context(hv, domid, &context, sizeof(context),
                       "setting the vCPU state", err);
}
