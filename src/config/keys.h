/* SPDX-License-Identifier: MIT */
/*
 * What the keys of a configuration mean: one table, keys.def, of every key
 * that xl knows, and what chaos does with it.  It reads no file, and a check
 * that concerns more than one key belongs in check.c.
 */
#ifndef CHAOS_SRC_CONFIG_KEYS_H
#define CHAOS_SRC_CONFIG_KEYS_H

#include "config/config.h"
#include "config/syntax.h"

struct chaos;

/* The supported keys; an index into chaos_config.places. */
enum chaos__key {
#define SUPPORTED(id, name, field, setter, synopsis, text) CHAOS__KEY_##id,
#define IGNORED(name, why)
#define UNSUPPORTED(name, neutral, why)
#include "config/keys.def"
    CHAOS__KEY_COUNT,
};

/* Where a key was set, for the front of a message: "guest.cfg:7:8". */
struct chaos__place_text {
    char text[256];
};
struct chaos__place_text chaos__config_place(const struct chaos_config *config,
                                             enum chaos__key key);
/* Puts that before the message of an error that a key's value has led to, if
 * the key was set in a text; returns `rc`. */
int chaos__config_fail_at(const struct chaos_config *config,
                          enum chaos__key key, int rc, struct chaos_error *err);

_Static_assert((int)CHAOS__KEY_COUNT <= CHAOS__CONFIG_PLACES,
               "a place for each supported key");

/* What an assignment sets, and what its messages need. */
struct chaos__assignment {
    struct chaos *chaos; /* for warnings; may be NULL */
    struct chaos_config *config;
    const struct chaos__setting *setting;
    enum chaos__key key;
    size_t offset; /* of the field in struct chaos_config */
    const char *source;
    bool is_override;
    struct chaos_error *err;
};

/* Fails with "source:line:column: key=value: " before the message. */
int chaos__assignment_fail(const struct chaos__assignment *assignment,
                           const struct chaos__position *at, int code,
                           const char *format, ...) CHAOS__PRINTF(4, 5);

/* Logs a warning of the same form. */
void chaos__assignment_warn(const struct chaos__assignment *assignment,
                            const struct chaos__position *at,
                            const char *format, ...) CHAOS__PRINTF(3, 4);

/*
 * Carries out the settings in their order.  When one fails, those before it
 * have been carried out; a single one is carried out wholly or not at all.
 * Warnings go to the context's log; `chaos` may be NULL.
 */
int chaos__keys_apply(struct chaos *chaos, struct chaos_config *config,
                      const struct chaos__syntax *syntax, bool is_override,
                      struct chaos_error *err);

/* The setters, one for each kind of value; see keys.def. */
int chaos__set_string(const struct chaos__assignment *assignment);
int chaos__set_type(const struct chaos__assignment *assignment);
int chaos__set_registry(const struct chaos__assignment *assignment);
int chaos__set_visible(const struct chaos__assignment *assignment);
int chaos__set_builder(const struct chaos__assignment *assignment);
int chaos__set_memory(const struct chaos__assignment *assignment);
int chaos__set_vcpus(const struct chaos__assignment *assignment);
int chaos__set_cpus(const struct chaos__assignment *assignment);
int chaos__set_weight(const struct chaos__assignment *assignment);
int chaos__set_cap(const struct chaos__assignment *assignment);
int chaos__set_uuid(const struct chaos__assignment *assignment);
int chaos__set_action(const struct chaos__assignment *assignment);
int chaos__set_grant_frames(const struct chaos__assignment *assignment);
int chaos__set_event_channels(const struct chaos__assignment *assignment);
int chaos__set_vifs(const struct chaos__assignment *assignment);
int chaos__set_disks(const struct chaos__assignment *assignment);
int chaos__set_p9s(const struct chaos__assignment *assignment);

/* Frees `count` of them and what they own. */
void chaos__disks_free(struct chaos__disk *disks, unsigned count);
void chaos__p9s_free(struct chaos__p9 *p9s, unsigned count);

/* The name of a registry mode, as registry= takes it; NULL: the default. */
const char *chaos__mode_name(enum chaos__registry_mode mode);

/* The name of an action, as on_crash= and its like take it. */
const char *chaos__action_name(enum chaos__action action);

#define CHAOS__UUID_TEXT_MAX 37 /* with the NUL */
void chaos__uuid_format(const uint8_t uuid[16],
                        char text[CHAOS__UUID_TEXT_MAX]);

/* Reads a number as xl does: decimal, 0x hexadecimal or 0 octal, with blanks
 * and a sign before it, nothing behind it.  False if it is none. */
bool chaos__number_parse(const char *text, int64_t *number_r);

#endif
