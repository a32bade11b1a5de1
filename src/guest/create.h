/* SPDX-License-Identifier: MIT */
/* The parts of a create that are sequences of their own. */
#ifndef CHAOS_SRC_CREATE_H
#define CHAOS_SRC_CREATE_H

#include "guest.h"

#include "build/elf.h"
#include "build/image.h"
#include "build/shell.h"
#include "device/device.h"

/* Reserves a slot for the guest: PREPARING, ours.  What is due for guests that
 * have ended and have what this one wants is carried out first. */
int chaos__create_reserve(struct chaos *chaos,
                          const struct chaos_config *config,
                          const struct chaos__devices *devices,
                          struct chaos__slot **slot_r, struct chaos_error *err);

/* The slot is another's that has what a guest wants: carries out what is due
 * for it if it has ended. */
int chaos__settle_taken(struct chaos *chaos, struct chaos__slot *taken);
/*
 * The same for all that have a MAC, a disk or an interface's name that these
 * devices want.  To be called before we have a slot: one of them may be created
 * again here, and that create would take ours for a dead process's.
 */
void chaos__settle_rivals(struct chaos *chaos,
                          const struct chaos__devices *devices);
/* A UUID that the user chose must be no other domain's: repair finds a domain
 * whose domid was not recorded by it. */
int chaos__create_check_uuid(struct chaos *chaos, const uint8_t uuid[16],
                             struct chaos_error *err);

/*
 * Takes a shell for the guest, CLAIMED and ours: fills `shell` and the devices
 * with what was made for it.  Shells that are of no use any more are undone on
 * the way.  1; 0 when there is none: then the guest is made without; or an
 * error, for what the guest wants and another has.
 */
int chaos__create_claim(struct chaos *chaos, const struct chaos_config *config,
                        struct chaos__slot **slot_r, struct chaos__shell *shell,
                        struct chaos_error *err);

/* Forgets what a shell that was of no use has left in `shell` and its devices,
 * so that they can be of another, or be made. */
int chaos__create_start_over(const struct chaos_config *config,
                             struct chaos__shell *shell,
                             struct chaos_error *err);

/* Makes a domain for a slot that is PREPARING, with all that a shell has; its
 * devices need not have connected yet. */
int chaos__create_prepare(struct chaos *chaos,
                          const struct chaos_config *config,
                          struct chaos__slot *slot, struct chaos__shell *shell,
                          struct chaos_error *err);
/* Waits until they have. */
int chaos__create_connect(struct chaos *chaos, struct chaos__slot *slot,
                          struct chaos__shell *shell, struct chaos_error *err);
/* As libxl's LIBXL_INIT_TIMEOUT: a back end takes milliseconds. */
#define CHAOS__BACKEND_TIMEOUT_MS 10000

/* Notes in the slot if there are scripts of the user's own, and says so: they
 * are run when back ends are there, and again when these go. */
void chaos__announce_scripts(struct chaos *chaos,
                             const struct chaos_config *config,
                             struct chaos__slot *slot);
/* Where its vCPUs run and what the scheduler gives them, which a shell does not
 * fix.  Without a key about it Xen is not asked for anything. */
int chaos__create_tune(struct chaos *chaos, const struct chaos_config *config,
                       const struct chaos__shell *shell,
                       struct chaos_error *err);
/* What is kept of a shell, or of what a guest was made of. */
void chaos__create_record(struct chaos__slot *slot,
                          const struct chaos__shell *shell);

/* The files of a guest, open and checked. */
struct chaos__files {
    struct chaos__image kernel, ramdisk;
    struct chaos__elf elf;
    bool has_ramdisk;
    char *command_line;
    struct chaos__payload payload;
};

/* `unpack`: also what is in a compressed PVH kernel, which takes Xen. */
int chaos__files_open(struct chaos *chaos, const struct chaos_config *config,
                      bool unpack, struct chaos__files *files,
                      struct chaos_error *err);
void chaos__files_close(struct chaos__files *files);

/*
 * How the guest of a configuration finds its devices: as that says, or as its
 * image does.  *why_r, if not NULL, is a few words about it.  CHAOS_EIMAGE when
 * the image cannot do what the configuration says.  The files need be open.
 */
int chaos__create_learn_mode(const struct chaos_config *config,
                             const struct chaos__files *files, bool *noxs_r,
                             const char **why_r, struct chaos_error *err);

/* Keeps the configuration with what a restart needs: MACs that were made for
 * the guest, and paths that lead there from any directory. */
int chaos__keep_config(struct chaos *chaos, const struct chaos_config *config,
                       const struct chaos__devices *devices,
                       struct chaos__slot *slot, struct chaos_error *err);
/* Keeps it with the one device that these are, or without that one: then
 * nothing is done if it has none such.  Does nothing for a guest of which
 * nothing is kept. */
int chaos__keep_with(struct chaos *chaos, const struct chaos__slot *slot,
                     const struct chaos__devices *devices,
                     struct chaos_error *err);
int chaos__keep_without(struct chaos *chaos, const struct chaos__slot *slot,
                        const struct chaos__device_name *name,
                        struct chaos_error *err);

#endif
