/* SPDX-License-Identifier: MIT */
/* What xenstored has of the domains that were introduced to it. */
#include "fake_state.h"

#include <errno.h>

int fake_introduce(uint32_t domid, uint64_t frame, uint32_t port)
{
    struct fake_hv_domain *domain = fake_find(domid);

    if (!domain || domain->dying)
        return EINVAL; /* it may have gone by itself */
    if (domain->is_introduced) {
        fake_offence("XenStore: domain %u is introduced again", domid);
        return EINVAL;
    }
    if (!domain->grants[FAKE_HV_GRANT_STORE].is_granted ||
        domain->grants[FAKE_HV_GRANT_STORE].frame != frame || port == 0 ||
        port >= FAKE_HV_PORTS ||
        domain->ports[port].state != FAKE_HV_PORT_UNBOUND) {
        fake_offence("XenStore: introducing domain %u: frame 0x%llx, port %u",
                     domid, (unsigned long long)frame, port);
        return EINVAL;
    }
    domain->is_introduced = true;
    domain->introduced_port = port;
    domain->ports[port].state = FAKE_HV_PORT_STORE;
    domain->grants[FAKE_HV_GRANT_STORE].mapped++;
    return 0;
}

bool fake_release(struct fake_hv_domain *domain)
{
    if (!domain->is_introduced)
        return false;
    domain->is_introduced = false;
    domain->ports[domain->introduced_port].state = FAKE_HV_PORT_UNBOUND;
    domain->grants[FAKE_HV_GRANT_STORE].mapped--;
    return true;
}
