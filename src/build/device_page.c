/* SPDX-License-Identifier: MIT */
#include "device_page.h"

#include <string.h>

#include "noxs/abi/noxs.h"

#define DOM0 0

/* As many of the longest entries as a guest can have fit on the page. */
_Static_assert(sizeof(struct noxs_page) + sizeof(struct noxs_console) +
                       CHAOS__VIFS_MAX * sizeof(struct noxs_net) +
                       CHAOS__DISKS_MAX * sizeof(struct noxs_block) +
                       CHAOS__SPARE_ENTRIES * sizeof(struct noxs_entry) <=
                   NOXS_PAGE_SIZE,
               "entries fit on a page");

static void write_console(struct noxs_console *entry,
                          const struct chaos__shell *shell)
{
    *entry = (struct noxs_console){
        .type = NOXS_TYPE_CONSOLE,
        .size = sizeof(*entry),
        .backend = DOM0,
        .port = shell->console_port,
        .ring_frame = shell->console_frame,
    };
}

static void write_net(struct noxs_net *entry, unsigned id,
                      const struct chaos__vif *vif,
                      const struct chaos__net *net)
{
    *entry = (struct noxs_net){
        .type = NOXS_TYPE_NET,
        .size = sizeof(*entry),
        .id = (uint16_t)id,
        .backend = DOM0,
        /* What every netback can do, and what it was not told not to. */
        .features = NOXS_NET_SG | NOXS_NET_TX_CSUM | NOXS_NET_RX_CSUM,
        .tx_ref = net->tx.reference,
        .rx_ref = net->rx.reference,
        .tx_port = net->port,
        .rx_port = net->port,
        .tx_frame = net->tx.frame,
        .rx_frame = net->rx.frame,
        .mtu = (uint16_t)net->mtu,
        .prefix = vif->prefix,
    };
    memcpy(entry->mac, net->mac, sizeof(entry->mac));
    memcpy(entry->ipv4, vif->ipv4, sizeof(entry->ipv4));
    memcpy(entry->gateway, vif->gateway, sizeof(entry->gateway));
}

static void write_block(struct noxs_block *entry, unsigned id,
                        const struct chaos__disk *disk,
                        const struct chaos__block *block)
{
    const bool is_writable = disk->access != CHAOS__DISK_READ_ONLY;
    uint32_t features = 0;

    if (!is_writable)
        features |= NOXS_BLOCK_READ_ONLY;
    if (disk->is_cdrom)
        features |= NOXS_BLOCK_CDROM;
    /* Back ends may say so of disks that nobody can write to as well. */
    if (is_writable && block->can_flush)
        features |= NOXS_BLOCK_FLUSH;
    if (is_writable && block->can_discard)
        features |= NOXS_BLOCK_DISCARD;
    *entry = (struct noxs_block){
        .type = NOXS_TYPE_BLOCK,
        .size = sizeof(*entry),
        .id = (uint16_t)id,
        .backend = DOM0,
        .features = features,
        .ring_ref = block->ring.reference,
        .port = block->port,
        .sector_size = block->sector_size,
        .ring_frame = block->ring.frame,
        .sectors = block->sectors,
        .vdev = disk->vdev_number,
    };
}

static uint32_t write_entries(void *at, const struct chaos__shell *shell)
{
    const struct chaos__devices *devices = shell->devices;
    struct noxs_console *console = at;
    struct noxs_net *net = (struct noxs_net *)(console + 1);
    struct noxs_block *block;
    struct noxs_entry *spare;
    unsigned i;

    write_console(console, shell);
    for (i = 0; i < devices->net_count; i++)
        write_net(net++, i, &devices->config->vifs[i], &devices->nets[i]);
    block = (struct noxs_block *)net;
    for (i = 0; i < devices->block_count; i++)
        write_block(block++, i, &devices->config->disks[i],
                    &devices->blocks[i]);
    spare = (struct noxs_entry *)block;
    for (i = 0; i < CHAOS__SPARE_ENTRIES; i++)
        *spare++ = (struct noxs_entry){ .type = NOXS_TYPE_SPARE,
                                        .size = sizeof(*spare) };
    return 1 + devices->net_count + devices->block_count + CHAOS__SPARE_ENTRIES;
}

void chaos__device_page_write(void *page, const struct chaos__shell *shell)
{
    struct noxs_page *header = page;

    header->version = NOXS_VERSION;
    header->control_port = shell->control_port;
    header->control_frame = shell->control_frame;
    header->grants_used = chaos__devices_first_grant(shell->devices);
    header->entry_count = write_entries(header + 1, shell);
    header->magic = NOXS_MAGIC; /* last: it says that the rest is there */
}
