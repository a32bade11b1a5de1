/* SPDX-License-Identifier: MIT */
#include "nodes.h"

#include "config/keys.h"
#include "store/directory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* LIBXL_XENCONSOLE_LIMIT: bytes that xenconsoled keeps for a slow reader. */
#define CONSOLE_LIMIT 1048576

#define BACKEND_CONSOLE "/local/domain/0/backend/console"
#define BACKEND_P9 "/local/domain/0/backend/9pfs"

struct path {
    char text[96];
};

static struct path path(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

static struct path path(const char *format, ...)
{
    struct path made;
    va_list args;

    va_start(args, format);
    vsnprintf(made.text, sizeof(made.text), format, args);
    va_end(args);
    return made;
}

static struct path vm_path(const uint8_t uuid[CHAOS__SLOT_UUID_SIZE])
{
    char text[CHAOS__UUID_TEXT_MAX];

    chaos__uuid_format(uuid, text);
    return path("/vm/%s", text);
}

/* ----------------------------------------------------------------- making */

/* A directory of dom0's that the guest may read; so may it what comes below. */
static void make_readable(struct chaos__store *store, const char *directory,
                          uint32_t domid)
{
    chaos__store_make(store, directory);
    chaos__store_allow(store, directory, 0, domid);
}

/* The domain's directory, which the guest may read, with what it writes to.
 * Nodes are as the directory is in which they are made, so it is the guest's
 * for as long as that takes. */
static void make_home(struct chaos__store *store, const char *home,
                      uint32_t domid)
{
    static const char *const nodes[] = {
        "attr",
        "control/feature-poweroff",
        "control/feature-reboot",
        "control/feature-suspend",
        "control/shutdown",
        "control/sysrq",
        "data",
        "drivers",
        "error",
        "feature",
    };

    chaos__store_make(store, home);
    chaos__store_allow(store, home, domid, CHAOS__STORE_NOBODY);
    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
        chaos__store_make(store, path("%s/%s", home, nodes[i]).text);
    chaos__store_allow_node(store, home, "control", 0, domid);
    chaos__store_allow(store, home, 0, domid);
    chaos__store_set(store, home, "device/suspend/event-channel", "");
    chaos__store_allow_node(store, home, "device/suspend/event-channel", domid,
                            CHAOS__STORE_NOBODY);
}

static void make_console(struct chaos__store *store,
                         const struct chaos__shell *shell)
{
    const uint32_t domid = shell->domid;
    const struct path front = path("/local/domain/%u/console", domid);

    chaos__store_set_number(store, front.text, "limit", CONSOLE_LIMIT);
    chaos__store_set_number(store, front.text, "port", shell->console_port);
    chaos__store_set_number(store, front.text, "ring-ref",
                            shell->console_frame);
}

/* KiB, as all that a balloon driver looks at. */
static void make_memory(struct chaos__store *store, const char *home,
                        const struct chaos__shell *shell)
{
    chaos__store_set_number(store, home, "memory/static-max", shell->maxmem_kb);
    chaos__store_set_number(store, home, "memory/target", shell->memory_kb);
}

/* Of all its vCPUs, the first `online` are. */
static void set_cpus(struct chaos__store *store, const char *home,
                     unsigned online, unsigned vcpus)
{
    for (unsigned i = 0; i < vcpus; i++) {
        const struct path node = path("cpu/%u/availability", i);

        chaos__store_set(store, home, node.text,
                         i < online ? "online" : "offline");
    }
}

void chaos__nodes_make(struct chaos__store *store,
                       const struct chaos__shell *shell,
                       const uint8_t uuid[CHAOS__SLOT_UUID_SIZE])
{
    const uint32_t domid = shell->domid;
    const struct path home = path("/local/domain/%u", domid);

    make_home(store, home.text, domid);
    chaos__store_set(store, home.text, "vm", vm_path(uuid).text);
    chaos__store_set_number(store, home.text, "domid", domid);
    chaos__store_set(store, home.text, CHAOS__NODE_MARK, "chaos");
    chaos__store_set_number(
        store, home.text, "control/platform-feature-multiprocessor-suspend", 1);
    chaos__store_set_number(store, home.text,
                            "control/platform-feature-xs_reset_watches", 1);
    make_memory(store, home.text, shell);
    set_cpus(store, home.text, shell->vcpus, shell->vcpus);
    make_console(store, shell);
    chaos__store_set_number(store, home.text, "store/port", shell->store_port);
    chaos__store_set_number(store, home.text, "store/ring-ref",
                            shell->store_frame);
}

void chaos__nodes_hold_console(struct chaos__store *store, uint32_t domid)
{
    chaos__store_set(store, path("/local/domain/%u/console", domid).text,
                     "type", "none");
}

/* libxl ends it by this node. */
void chaos__nodes_set_model(struct chaos__store *store, uint32_t domid,
                            uint32_t pid)
{
    chaos__store_set_number(store, path("/local/domain/%u", domid).text,
                            "image/device-model-pid", pid);
}

/* ---------------------------------------------------------------- dressing */

void chaos__nodes_dress(struct chaos__store *store,
                        const struct chaos__slot *slot,
                        const struct chaos_config *config)
{
    const struct path home = path("/local/domain/%u", slot->domid);

    if (slot->has_shell_uuid)
        chaos__store_set(store, home.text, "vm", vm_path(slot->uuid).text);
    chaos__store_set(store, home.text, "name", config->name);
    /* Behind the name, after which xenconsoled's log is called. */
    chaos__store_set(store, home.text, "console/type", "xenconsoled");
    if (config->maxvcpus > config->vcpus)
        set_cpus(store, home.text, config->vcpus, config->maxvcpus);
}

/* ------------------------------------------------------- for tools alone */

static void tell_console(struct chaos__store *store, uint32_t domid)
{
    const struct path front = path("/local/domain/%u/console", domid);
    const struct path back = path(BACKEND_CONSOLE "/%u/0", domid);
    const struct path libxl = path("/libxl/%u/device/console/0", domid);
    const char *const copies[] = { back.text, libxl.text };

    chaos__store_set(store, front.text, "backend", back.text);
    chaos__store_set_number(store, front.text, "backend-id", 0);
    chaos__store_allow_node(store, front.text, "backend-id", domid, 0);
    chaos__store_set(store, front.text, "output", "pty");

    make_readable(store, back.text, domid);
    chaos__store_set(store, libxl.text, "backend", back.text);
    for (size_t i = 0; i < 2; i++) {
        chaos__store_set(store, copies[i], "frontend", front.text);
        chaos__store_set_number(store, copies[i], "frontend-id", domid);
        chaos__store_set_number(store, copies[i], "online", 1);
        chaos__store_set_number(store, copies[i], "state", 1);
        chaos__store_set(store, copies[i], "protocol", "vt100");
    }
}

static void tell_image(struct chaos__store *store, const char *vm,
                       const struct chaos_config *config)
{
    char *line = chaos__config_command_line(config);

    chaos__store_set(store, vm, "image/ostype", "linux");
    chaos__store_set(store, vm, "image/kernel", config->kernel);
    if (config->ramdisk)
        chaos__store_set(store, vm, "image/ramdisk", config->ramdisk);
    if (line)
        chaos__store_set(store, vm, "image/cmdline", line);
    free(line);
}

static void tell_vm(struct chaos__store *store, const struct chaos__slot *slot,
                    const struct chaos_config *config, const char *name)
{
    const struct path vm = vm_path(slot->uuid);
    char uuid[CHAOS__UUID_TEXT_MAX];

    chaos__uuid_format(slot->uuid, uuid);
    make_readable(store, vm.text, slot->domid);
    chaos__store_set(store, vm.text, "name", name);
    chaos__store_set(store, vm.text, "uuid", uuid);
    chaos__store_set_text(store, vm.text, "start_time", "%" PRIu64 ".00",
                          slot->created_s);
    /* xl tells it of PV guests alone. */
    if (config->type == CHAOS__TYPE_PV)
        tell_image(store, vm.text, config);
}

int chaos__nodes_tell(struct chaos__store *store,
                      const struct chaos__slot *slot,
                      const struct chaos_config *config,
                      struct chaos_error *err)
{
    const struct path home = path("/local/domain/%u", slot->domid);
    const struct path libxl = path("/libxl/%u", slot->domid);
    char name[sizeof(slot->name)], vm[sizeof(struct path)];
    int rc;

    chaos__store_read(store, path("%s/name", home.text).text, name,
                      sizeof(name));
    chaos__store_read(store, path("%s/vm", home.text).text, vm, sizeof(vm));
    rc = chaos__store_run(store, err);
    if (rc == 0 && strcmp(vm, vm_path(slot->uuid).text) != 0)
        rc = chaos__fail(err, CHAOS_ENOGUEST, "guest %s has gone", slot->name);
    if (rc < 0)
        return rc;
    tell_vm(store, slot, config, name);
    tell_console(store, slot->domid);
    chaos__store_set_number(store, home.text, "memory/videoram", 0);
    chaos__store_set(store, libxl.text, "dm-version", "qemu_xen");
    chaos__store_set(store, libxl.text, "type",
                     config->type == CHAOS__TYPE_PVH ? "pvh" : "pv");
    return 0;
}

/* ----------------------------------------------------------------- finding */

int chaos__nodes_find(struct chaos__store *store, struct chaos__slot *slot,
                      struct chaos_error *err)
{
    static const char *const names[] = { "store/ring-ref", "store/port",
                                         "console/ring-ref", "console/port",
                                         "image/device-model-pid" };
    const struct path home = path("/local/domain/%u", slot->domid);
    char numbers[5][24], name[sizeof(slot->name)];
    int rc;

    for (size_t i = 0; i < 5; i++)
        chaos__store_read(store, path("%s/%s", home.text, names[i]).text,
                          numbers[i], sizeof(numbers[i]));
    chaos__store_read(store, path("%s/name", home.text).text, name,
                      sizeof(name));
    rc = chaos__store_run(store, err);
    if (rc < 0)
        return rc;
    if (*name)
        memcpy(slot->name, name, sizeof(slot->name));
    if (*name && !*numbers[0])
        slot->published_domid = slot->domid;
    if (!*numbers[0])
        return 0;
    slot->store_frame = strtoull(numbers[0], NULL, 10);
    slot->store_port = (uint32_t)strtoul(numbers[1], NULL, 10);
    slot->console_frame = strtoull(numbers[2], NULL, 10);
    slot->console_port = (uint32_t)strtoul(numbers[3], NULL, 10);
    slot->model = *numbers[4] ? CHAOS__MODEL_STARTED : CHAOS__MODEL_NONE;
    return 0;
}

/* ------------------------------------------------ while the guest is there */

void chaos__nodes_publish(struct chaos__store *store,
                          const struct chaos__slot *slot)
{
    const struct path home = path("/local/domain/%u", slot->domid);

    chaos__store_set(store, home.text, CHAOS__NODE_MARK, "chaos");
    chaos__store_set(store, home.text, "name", slot->name);
}

/* Takes away what a program that serves directories leaves, and these. */
static void remove_model(struct chaos__store *store,
                         const struct chaos__slot *slot)
{
    if (slot->model == CHAOS__MODEL_NONE)
        return;
    chaos__store_remove(store, path(BACKEND_P9 "/%u", slot->domid).text);
    chaos__store_remove(
        store, path("/local/domain/0/device-model/%u", slot->domid).text);
}

int chaos__nodes_answer(struct chaos__store *store,
                        const struct chaos__slot *slot, struct chaos_error *err)
{
    char nothing[8];

    chaos__store_read(store, path("/local/domain/%u", slot->domid).text,
                      nothing, sizeof(nothing));
    return chaos__store_run(store, err);
}

struct change {
    const struct chaos__slot *slot;
    void (*queue)(struct chaos__store *store, const struct chaos__slot *slot,
                  const char *home, const void *value);
    const void *value;
};

/* Only while its directory is there: it would be made again. */
static int work(struct chaos__store *store, void *user, struct chaos_error *err)
{
    const struct change *change = user;
    const struct path home = path("/local/domain/%u", change->slot->domid);
    char mark[8];
    int rc;

    chaos__store_read(store, path("%s/" CHAOS__NODE_MARK, home.text).text, mark,
                      sizeof(mark));
    rc = chaos__store_run(store, err);
    if (rc == 0 && !*mark)
        rc = chaos__fail(err, CHAOS_ENOGUEST, "guest %s has gone",
                         change->slot->name);
    if (rc < 0)
        return rc;
    change->queue(store, change->slot, home.text, change->value);
    return chaos__store_run(store, err);
}

static void queue_name(struct chaos__store *store,
                       const struct chaos__slot *slot, const char *home,
                       const void *name)
{
    chaos__store_set(store, home, "name", name);
    if (slot->store_frame)
        chaos__store_set(store, vm_path(slot->uuid).text, "name", name);
}

int chaos__nodes_rename(struct chaos__store *store,
                        const struct chaos__slot *slot, struct chaos_error *err)
{
    struct change change = { slot, queue_name, slot->name };

    return chaos__store_transact(store, work, &change, err);
}

static void queue_aside(struct chaos__store *store,
                        const struct chaos__slot *slot, const char *home,
                        const void *uuid)
{
    const struct path vm = vm_path(slot->uuid);

    chaos__store_set(store, home, "name", slot->name);
    if (!slot->store_frame)
        return;
    /* Its successor has not made its own yet, which may be called the same. */
    if (slot->has_shell_uuid)
        chaos__store_remove(store, vm_path(slot->shell_uuid).text);
    make_readable(store, vm.text, slot->domid);
    chaos__store_set(store, home, "vm", vm.text);
    chaos__store_set(store, vm.text, "name", slot->name);
    chaos__store_set(store, vm.text, "uuid", uuid);
}

int chaos__nodes_put_aside(struct chaos__store *store,
                           const struct chaos__slot *slot,
                           struct chaos_error *err)
{
    const struct path home = path("/local/domain/%u", slot->domid);
    char uuid[CHAOS__UUID_TEXT_MAX];
    struct change change = { slot, queue_aside, uuid };
    int rc;

    chaos__uuid_format(slot->uuid, uuid);
    chaos__store_remove(store, chaos__has_name(slot)
                                   ? path("%s/device", home.text).text
                                   : home.text);
    if (slot->store_frame)
        chaos__store_remove(store, path("/libxl/%u/device", slot->domid).text);
    remove_model(store, slot);
    rc = chaos__store_run(store, err);
    if (rc < 0 || !chaos__has_name(slot))
        return rc;
    rc = chaos__store_transact(store, work, &change, err);
    return rc == CHAOS_ENOGUEST ? 0 : rc; /* another took its nodes away */
}

static void queue_question(struct chaos__store *store,
                           const struct chaos__slot *slot, const char *home,
                           const void *word)
{
    (void)slot;
    chaos__store_set(store, home, "control/shutdown", word);
}

int chaos__nodes_ask(struct chaos__store *store, const struct chaos__slot *slot,
                     const char *word, struct chaos_error *err)
{
    struct change change = { slot, queue_question, word };

    return chaos__store_transact(store, work, &change, err);
}

struct cpus {
    unsigned online, all;
};

static void queue_cpus(struct chaos__store *store,
                       const struct chaos__slot *slot, const char *home,
                       const void *value)
{
    const struct cpus *cpus = value;

    (void)slot;
    set_cpus(store, home, cpus->online, cpus->all);
}

int chaos__nodes_set_vcpus(struct chaos__store *store,
                           const struct chaos__slot *slot, unsigned online,
                           unsigned vcpus, struct chaos_error *err)
{
    const struct cpus cpus = { online, vcpus };
    struct change change = { slot, queue_cpus, &cpus };

    return chaos__store_transact(store, work, &change, err);
}

/* ---------------------------------------------------------------- removing */

void chaos__nodes_remove(struct chaos__store *store,
                         const struct chaos__slot *slot)
{
    chaos__store_remove(store, path("/local/domain/%u", slot->domid).text);
    if (!slot->store_frame)
        return;
    remove_model(store, slot);
    chaos__store_remove(store, path(BACKEND_CONSOLE "/%u", slot->domid).text);
    chaos__store_remove(store, path("/libxl/%u", slot->domid).text);
}

void chaos__nodes_remove_vm(struct chaos__store *store,
                            const struct chaos__slot *slot)
{
    if (!slot->store_frame)
        return;
    chaos__store_remove(store, vm_path(slot->uuid).text);
    if (slot->has_shell_uuid)
        chaos__store_remove(store, vm_path(slot->shell_uuid).text);
}
