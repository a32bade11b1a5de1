/* SPDX-License-Identifier: MIT */
/* What only PV domains need. */
#include "handle.h"

#include <errno.h>
#include <string.h>

/* Segments as the guest's kernel has them, interrupts on. */
#define RFLAGS_IF 0x200u

int chaos__hv_pv_prepare_vcpus(struct chaos__hv *hv, uint32_t domid,
                               uint64_t *shared_frame_r,
                               struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    shared_info_t *shared;
    void *address;
    unsigned i;
    int rc = chaos__hv_domain_info(hv, domid, &domain, err);

    if (rc == 0)
        rc = chaos__hv_map(hv, domid, &domain.shared_frame, 1, &address, err);
    if (rc < 0)
        return rc;
    shared = address;
    for (i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        shared->vcpu_info[i].evtchn_upcall_mask = 1;
    chaos__hv_unmap(hv, address, 1);
    *shared_frame_r = domain.shared_frame;
    return 0;
}

int chaos__hv_pv_set_pages(struct chaos__hv *hv, uint32_t domid,
                           const struct chaos__hv_page *pages, size_t count,
                           struct chaos_error *err)
{
    mmu_update_t *updates =
        xencall_alloc_buffer(hv->call, count * sizeof(*updates));
    size_t i;
    int r;

    if (!updates)
        return chaos__fail_memory(err);
    for (i = 0; i < count; i++)
        updates[i] = (mmu_update_t){
            .ptr = pages[i].frame << CHAOS__PAGE_SHIFT | MMU_MACHPHYS_UPDATE,
            .val = pages[i].page,
        };
    r = xencall4(hv->call, __HYPERVISOR_mmu_update, (uintptr_t)updates, count,
                 0, domid);
    xencall_free_buffer(hv->call, updates);
    return r < 0 ? chaos__hv_fail(err, domid, "numbering the guest's pages")
                 : 0;
}

/* Xen writes its hypercalls' entry points onto the page. */
static int fill_hypercalls(struct chaos__hv *hv, uint32_t domid, uint64_t frame,
                           struct chaos_error *err)
{
    struct hv_domctl *domctl =
        chaos__hv_domctl(hv, domid, XEN_DOMCTL_hypercall_init);

    if (!domctl)
        return chaos__fail_memory(err);
    domctl->call.u.hypercall_init.gmfn = frame;
    return chaos__hv_domctl_run(hv) < 0
               ? chaos__hv_fail(err, domid, "writing the hypercall page")
               : 0;
}

/* What the top table and vCPU 0's state are passed in. */
struct hv_start {
    mmuext_op_t pin;
    vcpu_guest_context_t context;
};

static void fill_context(const struct chaos__hv_pv_entry *entry,
                         vcpu_guest_context_t *context)
{
    cpu_user_regs_t *regs = &context->user_regs;

    context->flags = VGCF_in_kernel | VGCF_online;
    context->kernel_ss = FLAT_KERNEL_SS;
    context->kernel_sp = entry->stack;
    context->ctrlreg[3] = entry->table_frame << CHAOS__PAGE_SHIFT;
    regs->ds = regs->es = regs->fs = regs->gs = FLAT_KERNEL_DS;
    regs->ss = FLAT_KERNEL_SS;
    regs->cs = FLAT_KERNEL_CS;
    regs->rflags = RFLAGS_IF;
    regs->rip = entry->entry;
    regs->rsp = entry->stack;
    regs->rsi = entry->start_info;
}

static int set_context(struct chaos__hv *hv, uint32_t domid,
                       vcpu_guest_context_t *context, struct chaos_error *err)
{
    struct hv_domctl *domctl =
        chaos__hv_domctl(hv, domid, XEN_DOMCTL_setvcpucontext);

    if (!domctl)
        return chaos__fail_memory(err);
    set_xen_guest_handle_raw(domctl->call.u.vcpucontext.ctxt, context);
    return chaos__hv_domctl_run(hv) < 0
               ? chaos__hv_fail(err, domid, "setting the entry point")
               : 0;
}

int chaos__hv_pv_set_entry(struct chaos__hv *hv, uint32_t domid,
                           const struct chaos__hv_pv_entry *entry,
                           struct chaos_error *err)
{
    struct hv_start *start;
    int rc = 0;

    if (entry->hypercall_frame)
        rc = fill_hypercalls(hv, domid, entry->hypercall_frame, err);
    if (rc < 0)
        return rc;
    if (!hv->start)
        hv->start = xencall_alloc_buffer(hv->call, sizeof(*hv->start));
    if (!hv->start)
        return chaos__fail_memory(err);
    start = hv->start;
    memset(start, 0, sizeof(*start));
    start->pin.cmd = MMUEXT_PIN_L4_TABLE;
    start->pin.arg1.mfn = entry->table_frame;
    if (xencall4(hv->call, __HYPERVISOR_mmuext_op, (uintptr_t)&start->pin, 1, 0,
                 domid) < 0)
        rc = chaos__hv_fail(err, domid, "pinning the guest's page tables");
    fill_context(entry, &start->context);
    return rc < 0 ? rc : set_context(hv, domid, &start->context, err);
}
