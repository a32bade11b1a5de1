/* SPDX-License-Identifier: MIT */
/*
 * What XenStore has of a guest besides its devices, laid out and allowed as xl
 * does it (docs/xenstore.md).  It queues, and runs nothing unless it says so.
 */
#ifndef CHAOS_SRC_NODES_H
#define CHAOS_SRC_NODES_H

#include "build/shell.h"
#include "config/config.h"
#include "registry/registry.h"
#include "store/store.h"

/* The node in a domain's directory that says who made it. */
#define CHAOS__NODE_MARK "toolstack"

/* Whether XenStore has, or may have, the name of the slot's domain ... */
static inline bool chaos__has_name(const struct chaos__slot *slot)
{
    return slot->store_frame || slot->published_domid == slot->domid;
}

/* ... or anything of it. */
static inline bool chaos__has_nodes(const struct chaos__slot *slot)
{
    return slot->first_device || chaos__has_name(slot);
}

/* For a guest that speaks to XenStore: what needs nothing of its configuration
 * but the shell's part. */
void chaos__nodes_make(struct chaos__store *store,
                       const struct chaos__shell *shell,
                       const uint8_t uuid[CHAOS__SLOT_UUID_SIZE]);
/* Keeps xenconsoled from a shell's console until that is dressed: its log goes
 * by the name. */
void chaos__nodes_hold_console(struct chaos__store *store, uint32_t domid);
/* The rest that it needs: its name. */
void chaos__nodes_dress(struct chaos__store *store,
                        const struct chaos__slot *slot,
                        const struct chaos_config *config);
/* Queues what only tools of dom0's read, xl above all: what it boots, since
 * when, and copies.  In a transaction, in which it runs what it has to ask:
 * CHAOS_ENOGUEST when the guest has gone or been put aside. */
int chaos__nodes_tell(struct chaos__store *store,
                      const struct chaos__slot *slot,
                      const struct chaos_config *config,
                      struct chaos_error *err);
/* And the program that runs for it, for libxl to end. */
void chaos__nodes_set_model(struct chaos__store *store, uint32_t domid,
                            uint32_t pid);
/* For a guest that does not: its name, for others to see. */
void chaos__nodes_publish(struct chaos__store *store,
                          const struct chaos__slot *slot);
/* Runs: gives a guest whose name is there the slot's, if it is still there. */
int chaos__nodes_rename(struct chaos__store *store,
                        const struct chaos__slot *slot,
                        struct chaos_error *err);
/* Runs: for a domain that is kept beside its successor, takes away what its
 * devices have, the back ends' part excepted, and gives it the slot's name and
 * UUID. */
int chaos__nodes_put_aside(struct chaos__store *store,
                           const struct chaos__slot *slot,
                           struct chaos_error *err);
/* Runs: fills what the nodes of the slot's domain tell: its name and, if it
 * speaks to XenStore, where its pages are. */
int chaos__nodes_find(struct chaos__store *store, struct chaos__slot *slot,
                      struct chaos_error *err);
/* Runs: asks the guest for something, "poweroff" and the like.  CHAOS_ENOGUEST
 * when it has gone. */
int chaos__nodes_ask(struct chaos__store *store, const struct chaos__slot *slot,
                     const char *word, struct chaos_error *err);
/* Runs: says that of all its `vcpus` the first `online` are to be online. */
int chaos__nodes_set_vcpus(struct chaos__store *store,
                           const struct chaos__slot *slot, unsigned online,
                           unsigned vcpus, struct chaos_error *err);
/* Runs: 0 when XenStore answers, whatever it has of the guest. */
int chaos__nodes_answer(struct chaos__store *store,
                        const struct chaos__slot *slot,
                        struct chaos_error *err);
/* Takes away all that a slot's domain has by its domid, the directory that it
 * shares with its devices' front ends included; and what it has by its UUID,
 * which a domain that comes after it may have. */
void chaos__nodes_remove(struct chaos__store *store,
                         const struct chaos__slot *slot);
void chaos__nodes_remove_vm(struct chaos__store *store,
                            const struct chaos__slot *slot);

#endif
