/* SPDX-License-Identifier: MIT */
/* Configurations: keys and their policies, positions in messages, overrides,
 * checks, and the way back to text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/cpuset.h"
#include "config/syntax.h"
#include "context.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define MINIMAL "name='web'\nkernel='/boot/web'\n"

/* The context of all tests, and what it has logged since the test began. */
static struct chaos *chaos;
static char logged[4096];
static unsigned logged_count;

static void log_line(void *user, enum chaos_log_level level,
                     const char *message)
{
    const size_t used = strlen(logged);

    (void)user;
    assert_int_equal(level, CHAOS_LOG_WARNING);
    snprintf(logged + used, sizeof(logged) - used, "%s\n", message);
    logged_count++;
}

static int setup(void **state)
{
    const struct chaos_options options = {
        .log = log_line,
        .log_level = CHAOS_LOG_WARNING,
    };

    (void)state;
    return chaos_open(&options, &chaos, NULL);
}

static int teardown(void **state)
{
    (void)state;
    chaos_close(chaos);
    return 0;
}

static int clear_log(void **state)
{
    (void)state;
    logged[0] = '\0';
    logged_count = 0;
    return 0;
}

/* The configuration in `text`, which must be accepted. */
static struct chaos_config *parsed(const char *text)
{
    struct chaos_config *config = NULL;
    struct chaos_error err = { .code = 1, .message = "untouched" };

    if (chaos_config_parse(chaos, text, "guest.cfg", &config, &err) < 0)
        fail_msg("%s: %s", text, err.message);
    assert_int_equal(err.code, 1);
    assert_string_equal(err.message, "untouched");
    return config;
}

/* The configuration as text; the caller frees it. */
static char *formatted(const struct chaos_config *config)
{
    struct chaos_error err = { 0 };
    char *text = NULL;

    assert_int_equal(chaos_config_format(config, &text, &err), 0);
    return text;
}

static void assert_refused(const char *text, int code, const char *message)
{
    struct chaos_config *config = (struct chaos_config *)&code;
    struct chaos_error err = { 0 };
    int rc = chaos_config_parse(chaos, text, "guest.cfg", &config, &err);

    if (rc == 0)
        fail_msg("accepted: %s", text);
    assert_string_equal(err.message, message);
    assert_int_equal(rc, code);
    assert_int_equal(err.code, code);
    assert_ptr_equal(config, &code);
    assert_int_equal(
        chaos_config_parse(chaos, text, "guest.cfg", &config, NULL), code);
}

static void test_defaults(void **state)
{
    struct chaos_config *config = parsed("");

    (void)state;
    assert_null(config->name);
    assert_null(config->kernel);
    assert_null(config->ramdisk);
    assert_null(config->cmdline);
    assert_null(config->root);
    assert_null(config->extra);
    assert_int_equal(config->type, CHAOS__TYPE_PV);
    assert_int_equal(config->memory_kb, 32 * 1024);
    assert_int_equal(config->maxmem_kb, 0);
    assert_int_equal(config->vcpus, 1);
    assert_int_equal(config->maxvcpus, 0);
    assert_int_equal(chaos__config_maxvcpus(config), 1);
    assert_int_equal(config->cpus.count, 0);
    assert_null(config->cpus.sets);
    assert_int_equal(config->cpus_soft.count, 0);
    assert_null(config->cpus_soft.sets);
    assert_int_equal(config->cpu_weight, 0);
    assert_int_equal(config->cap, 0);
    assert_int_equal(config->vif_count, 0);
    assert_null(config->vifs);
    assert_int_equal(config->disk_count, 0);
    assert_null(config->disks);
    assert_false(config->has_uuid);
    assert_int_equal(config->on_poweroff, CHAOS__ACTION_DESTROY);
    assert_int_equal(config->on_reboot, CHAOS__ACTION_RESTART);
    assert_int_equal(config->on_crash, CHAOS__ACTION_DESTROY);
    assert_int_equal(config->on_watchdog, CHAOS__ACTION_DESTROY);
    assert_int_equal(config->max_grant_frames, 0);
    assert_int_equal(config->max_event_channels, 0);
    assert_int_equal(logged_count, 0);
    chaos_config_free(config);
}

static void test_all_keys(void **state)
{
    static const uint8_t uuid[16] = { 0x7c, 0x1f, 0x6d, 0x3e, 0x2b, 0x0a,
                                      0x4f, 0x55, 0x9e, 0x1d, 0x5a, 0x0c,
                                      0x8b, 0x64, 0xe2, 0xf1 };
    struct chaos_config *config =
        parsed("name=\"web\"; type='pvh'\n"
               "kernel='/boot/web' # the image\n"
               "ramdisk='/boot/web.img'\n"
               "cmdline='a \"b\"'\n"
               "root='/dev/xvda'; extra='quiet'\n"
               "memory=0x40; maxmem=0200\n"
               "vcpus=\"3\"; maxvcpus=5\n"
               "cpu_weight=512; cap=150; cpus_soft='4'\n"
               "cpus=['0-3,^1', 'all',\n   7,]\n"
               "uuid='7C1f6d3e-2b0a-4f55-9e1d-5a0c8b64e2f1'\n"
               "on_poweroff='preserve'\n"
               "on_reboot='destroy'\n"
               "on_crash='restart'\n"
               "on_watchdog='rename-restart'\n"
               "max_grant_frames=64\n"
               "max_event_channels=2047\n");

    (void)state;
    assert_string_equal(config->name, "web");
    assert_int_equal(config->type, CHAOS__TYPE_PVH);
    assert_string_equal(config->kernel, "/boot/web");
    assert_string_equal(config->ramdisk, "/boot/web.img");
    assert_string_equal(config->cmdline, "a \"b\"");
    assert_string_equal(config->root, "/dev/xvda");
    assert_string_equal(config->extra, "quiet");
    assert_int_equal(config->memory_kb, 64 * 1024);
    assert_int_equal(config->maxmem_kb, 128 * 1024);
    assert_int_equal(config->vcpus, 3);
    assert_int_equal(config->maxvcpus, 5);
    assert_int_equal(chaos__config_maxvcpus(config), 5);
    assert_int_equal(chaos__config_vcpus(config, false), 5);
    assert_int_equal(chaos__config_vcpus(config, true), 3);
    assert_int_equal(config->cpus.count, 3);
    assert_int_equal(config->cpus.sets[0].words[0], 0xd);
    assert_int_equal(config->cpus.sets[0].words[1], 0);
    assert_true(chaos__cpuset_is_all(&config->cpus.sets[1]));
    assert_int_equal(config->cpus.sets[2].words[0], 0x80);
    assert_ptr_equal(chaos__affinity_of(&config->cpus, 2),
                     &config->cpus.sets[2]);
    assert_null(chaos__affinity_of(&config->cpus, 3));
    assert_int_equal(config->cpus_soft.count, 1);
    assert_int_equal(config->cpus_soft.sets[0].words[0], 0x10);
    assert_ptr_equal(chaos__affinity_of(&config->cpus_soft, 4),
                     config->cpus_soft.sets);
    assert_int_equal(config->cpu_weight, 512);
    assert_int_equal(config->cap, 150);
    assert_true(config->has_uuid);
    assert_memory_equal(config->uuid, uuid, sizeof(uuid));
    assert_int_equal(config->on_poweroff, CHAOS__ACTION_PRESERVE);
    assert_int_equal(config->on_reboot, CHAOS__ACTION_DESTROY);
    assert_int_equal(config->on_crash, CHAOS__ACTION_RESTART);
    assert_int_equal(config->on_watchdog, CHAOS__ACTION_RENAME_RESTART);
    assert_int_equal(config->max_grant_frames, 64);
    assert_int_equal(config->max_event_channels, 2047);
    assert_int_equal(chaos_config_check(config, NULL), 0);
    chaos_config_free(config);
}

/* A later assignment replaces, += adds; what was replaced is not looked at. */
static void test_order(void **state)
{
    struct chaos_config *config =
        parsed("type='hvm'; extra='a'; extra+='b'; memory='many'\n"
               "type='pv'; memory=8; extra+='c'\n");

    (void)state;
    assert_int_equal(config->type, CHAOS__TYPE_PV);
    assert_int_equal(config->memory_kb, 8 * 1024);
    assert_string_equal(config->extra, "abc");
    chaos_config_free(config);
}

static void test_memory(void **state)
{
    static const struct {
        const char *text;
        uint64_t memory_mib;
        uint64_t maxmem_mib;
    } cases[] = {
        { "memory=1", 1, 0 },     { "memory=16777216", 16777216, 0 },
        { "memory='64'", 64, 0 }, { "memory=' +0x10'", 16, 0 },
        { "maxmem=64", 64, 64 },  { "maxmem=64;memory=16", 16, 64 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct chaos_config *config = parsed(cases[i].text);

        assert_int_equal(config->memory_kb, cases[i].memory_mib * 1024);
        assert_int_equal(config->maxmem_kb, cases[i].maxmem_mib * 1024);
        chaos_config_free(config);
    }
}

#define NOT_UP_TO(key, value, max)                                             \
    "guest.cfg:1:" key "=" value ": not a number from " max                    \
    ": write one of these"

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *message;
    } cases[] = {
        /* Syntax. */
        { "a=1\n  b=web", CHAOS_EINVAL,
          "guest.cfg:2:5: b: a string needs quotes: write \"web\"" },
        { "name='web", CHAOS_EINVAL,
          "guest.cfg:1:6: name: string without its end: add ' on the same line "
          "(a newline inside a string is written \\n)" },
        { "\n\n\tname=\"a\\\nb\"", CHAOS_EINVAL,
          "guest.cfg:3:7: name: string without its end: add \" on the same line "
          "(a newline inside a string is written \\n)" },
        { "name='a\\q'", CHAOS_EINVAL,
          "guest.cfg:1:8: name: unknown escape: a backslash in a string is "
          "written \\\\" },
        { "name='ab\\x4'", CHAOS_EINVAL,
          "guest.cfg:1:9: name: bad number in an escape: write \\x and two hex "
          "digits, or up to three octal ones, for a byte that is not 0" },
        { "name='\\400'", CHAOS_EINVAL,
          "guest.cfg:1:7: name: bad number in an escape: write \\x and two hex "
          "digits, or up to three octal ones, for a byte that is not 0" },
        { "name='\\0'", CHAOS_EINVAL,
          "guest.cfg:1:7: name: bad number in an escape: write \\x and two hex "
          "digits, or up to three octal ones, for a byte that is not 0" },
        { "a=1\r\nb=2\r\n", CHAOS_EINVAL,
          "guest.cfg:1:4: a: carriage return: end lines with a newline alone" },
        { "Name='a'", CHAOS_EINVAL,
          "guest.cfg:1:1: unexpected 'N': a value that is not a number needs "
          "quotes, a key is written in lower case" },
        { "memory=\xff", CHAOS_EINVAL,
          "guest.cfg:1:8: memory: unexpected byte 0xff: put it in quotes or "
          "remove it" },
        { "memory 64", CHAOS_EINVAL,
          "guest.cfg:1:8: memory: expected = or += behind the key, not 64" },
        { "=1", CHAOS_EINVAL, "guest.cfg:1:1: expected a key, not =" },
        { "memory=\n64", CHAOS_EINVAL,
          "guest.cfg:1:8: memory: expected a number, a string in quotes or a "
          "[list] before the end of the line" },
        { "memory=64 vcpus=2", CHAOS_EINVAL,
          "guest.cfg:1:11: memory: expected a newline or ; behind the value, "
          "not vcpus" },
        { "vif=['a'\n,'b'", CHAOS_EINVAL,
          "guest.cfg:2:5: vif: expected a comma or ] in a list before the end "
          "of the text" },
        { "vif=['a' 'b']", CHAOS_EINVAL,
          "guest.cfg:1:10: vif: expected a comma or ] in a list, not 'b'" },
        { "extra='a'\nextra+=['b']", CHAOS_EINVAL,
          "guest.cfg:2:8: extra: += cannot add a list to a string: add the same "
          "kind" },
        { "vif=['a']\nvif+='b'", CHAOS_EINVAL,
          "guest.cfg:2:6: vif: += cannot add a string to a list: add the same "
          "kind" },
        /* Numbers. */
        { "memory=0", CHAOS_EINVAL,
          NOT_UP_TO("8: memory", "0", "1 to 16777216") },
        { "memory=16777217", CHAOS_EINVAL,
          NOT_UP_TO("8: memory", "16777217", "1 to 16777216") },
        { "memory='-1'", CHAOS_EINVAL,
          NOT_UP_TO("8: memory", "\"-1\"", "1 to 16777216") },
        { "memory='64M'", CHAOS_EINVAL,
          NOT_UP_TO("8: memory", "\"64M\"", "1 to 16777216") },
        { "memory=''", CHAOS_EINVAL,
          NOT_UP_TO("8: memory", "\"\"", "1 to 16777216") },
        { "memory=99999999999999999999", CHAOS_EINVAL,
          NOT_UP_TO("8: memory", "99999999999999999999", "1 to 16777216") },
        { "memory=[64]", CHAOS_EINVAL,
          "guest.cfg:1:8: memory=[...]: this key takes one value: remove the "
          "brackets" },
        { "memory=6\nmemory+=4", CHAOS_EINVAL,
          "guest.cfg:2:9: memory=64: += cannot add to a number: use =" },
        { "maxmem=0", CHAOS_EINVAL,
          NOT_UP_TO("8: maxmem", "0", "1 to 16777216") },
        { "vcpus=0", CHAOS_EINVAL, NOT_UP_TO("7: vcpus", "0", "1 to 128") },
        { "vcpus=129", CHAOS_EINVAL, NOT_UP_TO("7: vcpus", "129", "1 to 128") },
        { "maxvcpus=0", CHAOS_EINVAL,
          NOT_UP_TO("10: maxvcpus", "0", "1 to 128") },
        { "cpu_weight=0", CHAOS_EINVAL,
          NOT_UP_TO("12: cpu_weight", "0", "1 to 65535") },
        { "cpu_weight=65536", CHAOS_EINVAL,
          NOT_UP_TO("12: cpu_weight", "65536", "1 to 65535") },
        { "cap='-1'", CHAOS_EINVAL,
          NOT_UP_TO("5: cap", "\"-1\"", "0 to 12800") },
        { "cap=12801", CHAOS_EINVAL,
          NOT_UP_TO("5: cap", "12801", "0 to 12800") },
        { "max_grant_frames=0", CHAOS_EINVAL,
          NOT_UP_TO("18: max_grant_frames", "0", "1 to 2147483647") },
        { "max_event_channels='-1'", CHAOS_EINVAL,
          NOT_UP_TO("20: max_event_channels", "\"-1\"", "0 to 2147483647") },
        /* Words. */
        { "type='hvm'", CHAOS_ENOTSUP,
          "guest.cfg:1:6: type=\"hvm\": HVM guests are not supported: use "
          "\"pvh\" or \"pv\"" },
        { "type='p'", CHAOS_EINVAL,
          "guest.cfg:1:6: type=\"p\": no such type: use \"pvh\" or \"pv\"" },
        { "builder='hvm'", CHAOS_ENOTSUP,
          "guest.cfg:1:9: builder=\"hvm\": HVM guests are not supported: use "
          "type=\"pvh\" or type=\"pv\" instead" },
        { "builder='linux'", CHAOS_EINVAL,
          "guest.cfg:1:9: builder=\"linux\": no such builder: remove the key "
          "and set type=" },
        { "on_crash='soft-reset'", CHAOS_ENOTSUP,
          "guest.cfg:1:10: on_crash=\"soft-reset\": this action is not "
          "supported: use \"destroy\", \"restart\", \"preserve\", "
          "\"rename-restart\", \"coredump-destroy\" or "
          "\"coredump-restart\"" },
        { "on_poweroff='halt'", CHAOS_EINVAL,
          "guest.cfg:1:13: on_poweroff=\"halt\": no such action: use "
          "\"destroy\", \"restart\", \"preserve\", \"rename-restart\", "
          "\"coredump-destroy\" or \"coredump-restart\"" },
        { "uuid='7c1f6d3e-2b0a-4f55-9e1d-5a0c8b64e2f'", CHAOS_EINVAL,
          "guest.cfg:1:6: uuid=\"7c1f6d3e-2b0a-4f55-9e1d-5a0c8b64e2f\": not a "
          "UUID: write it like \"7c1f6d3e-2b0a-4f55-9e1d-5a0c8b64e2f1\"" },
        { "uuid='7c1f6d3e-2b0a-4f55-9e1d-5a0c8b64e2f1a'", CHAOS_EINVAL,
          "guest.cfg:1:6: uuid=\"7c1f6d3e-2b0a-4f55-9e1d-5a0c8b64e2f1a\": not a "
          "UUID: write it like \"7c1f6d3e-2b0a-4f55-9e1d-5a0c8b64e2f1\"" },
        { "name=['a']", CHAOS_EINVAL,
          "guest.cfg:1:6: name=[...]: this key takes one value: remove the "
          "brackets" },
        /* CPUs; the position is the item's. */
        { "cpus='node:0'", CHAOS_ENOTSUP,
          "guest.cfg:1:6: cpus=\"node:0\": NUMA nodes are not supported by this "
          "version of chaos: name the CPUs" },
        { "cpus=['0',\n  'x']", CHAOS_EINVAL,
          "guest.cfg:2:3: cpus=[...]: not a list of CPUs: write it like "
          "\"0-3,5,^1\" or \"all\"" },
        { "cpus=['0', ['1']]", CHAOS_EINVAL,
          "guest.cfg:1:12: cpus=[...]: a list within the list: write one string "
          "for each vCPU" },
        { "cpus_soft='1-'", CHAOS_EINVAL,
          "guest.cfg:1:11: cpus_soft=\"1-\": not a list of CPUs: write it like "
          "\"0-3,5,^1\" or \"all\"" },
        /* Keys. */
        { "memroy=64", CHAOS_EINVAL,
          "guest.cfg:1:1: memroy=64: unknown key: did you mean memory? If not, "
          "remove it" },
        { "a=1;\n frobnicate = 'x'", CHAOS_EINVAL,
          "guest.cfg:1:1: a=1: unknown key: remove it; chaos.cfg(5) lists those "
          "that exist" },
        { "name='a'\n\n  vfb = ['type=vnc']", CHAOS_ENOTSUP,
          "guest.cfg:3:3: vfb=[...]: not supported: remove the key. This "
          "version of chaos has no such device." },
        { "nestedhvm=1", CHAOS_ENOTSUP,
          "guest.cfg:1:1: nestedhvm=1: not supported: remove the key. chaos "
          "shows guests the processor that Xen shows by default." },
        { "bootloader='pygrub'", CHAOS_ENOTSUP,
          "guest.cfg:1:1: bootloader=\"pygrub\": not supported: remove the key. "
          "chaos loads the file that kernel names: copy kernel and ramdisk out "
          "of the guest's disk, or boot PVH GRUB as the kernel." },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(cases[i].text, cases[i].code, cases[i].message);
}

static void test_long_values_are_shortened(void **state)
{
    char text[1024], message[CHAOS_ERROR_MESSAGE_MAX];
    struct chaos_config *config = NULL;
    struct chaos_error err = { 0 };

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "uuid='\t", 7);
    memcpy(text + sizeof(text) - 2, "'", 2);
    snprintf(message, sizeof(message),
             "guest.cfg:1:6: uuid=\"?%.62s...\": not a UUID: write it like "
             "\"7c1f6d3e-2b0a-4f55-9e1d-5a0c8b64e2f1\"",
             text + 7);
    assert_refused(text, CHAOS_EINVAL, message);

    memset(text, 'a', sizeof(text));
    memcpy(text + sizeof(text) - 3, "=1", 3);
    assert_int_equal(
        chaos_config_parse(chaos, text, "guest.cfg", &config, &err),
        CHAOS_EINVAL);
    assert_non_null(strstr(err.message, "a=1: unknown key"));
    assert_true(strlen(err.message) < 200);
}

static void test_suggestions(void **state)
{
    static const struct {
        const char *name;
        const char *suggestion;
    } cases[] = {
        { "memmory", "memory" },
        { "memry", "memory" },
        { "mxamem", "maxmem" },
        { "kernal", "kernel" },
        { "vcpu", "vcpus" },
        { "cpu", "cpus" },
        { "on_power_off", "on_poweroff" },
        { "nmae", "name" },
        { "vifs", "vif" },
        { "command", NULL },
        { "xy", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[64], message[256];

        snprintf(text, sizeof(text), "%s=1", cases[i].name);
        if (cases[i].suggestion)
            snprintf(message, sizeof(message),
                     "guest.cfg:1:1: %s: unknown key: did you mean %s? If not, "
                     "remove it",
                     text, cases[i].suggestion);
        else
            snprintf(message, sizeof(message),
                     "guest.cfg:1:1: %s: unknown key: remove it; chaos.cfg(5) "
                     "lists those that exist",
                     text);
        assert_refused(text, CHAOS_EINVAL, message);
    }
}

static void test_ignored(void **state)
{
    struct chaos_config *config =
        parsed("acpi=1\n  device_model_args = ['-x']\n" MINIMAL);

    (void)state;
    assert_string_equal(
        logged, "guest.cfg:1:1: acpi=1: ignored: remove the key. chaos builds "
                "ACPI tables for the guests that need them.\n"
                "guest.cfg:2:3: device_model_args=[...]: ignored: remove the "
                "key. chaos starts a device model for p9 alone, in its own "
                "way.\n");
    chaos_config_free(config);
}

/* Unsupported keys may ask for what chaos does anyway. */
static void test_neutral(void **state)
{
    struct chaos_config *config =
        parsed("vfb=[]; vtpm=[ ]; pci=[\n]; vnc=0; nestedhvm='0'; vpmu=0x0\n"
               "cpuid=[]; tsc_mode=0; pool='Pool-0'; altp2m='disabled'\n"
               "on_soft_reset='soft-reset'; extratime=0");
    struct chaos_config *other = parsed("tsc_mode=\"default\"");

    (void)state;
    assert_int_equal(logged_count, 0);
    chaos_config_free(config);
    chaos_config_free(other);
    assert_refused("tsc_mode=1", CHAOS_ENOTSUP,
                   "guest.cfg:1:1: tsc_mode=1: not supported: remove the key. "
                   "chaos leaves a guest's clocks as Xen has them.");
    assert_refused("vfb='[]'", CHAOS_ENOTSUP,
                   "guest.cfg:1:1: vfb=\"[]\": not supported: remove the key. "
                   "This version of chaos has no such device.");
    assert_refused("vfb=0", CHAOS_ENOTSUP,
                   "guest.cfg:1:1: vfb=0: not supported: remove the key. This "
                   "version of chaos has no such device.");
    assert_refused("vnc=[]", CHAOS_ENOTSUP,
                   "guest.cfg:1:1: vnc=[]: not supported: remove the key. This "
                   "version of chaos has no such device.");
    assert_refused("pool=''", CHAOS_ENOTSUP,
                   "guest.cfg:1:1: pool=\"\": not supported: remove the key. "
                   "chaos sets cpu_weight and cap, and leaves the rest to "
                   "Xen.");
}

/* Those that xl does not know: registry and xl_visible; and of xend's time. */
#define OWN_KEYS (2 + 10)

/* How many keys chaos knows. */
enum {
    KEYS_COUNT = 0
#define SUPPORTED(id, name, field, setter, synopsis, text) +1
#define IGNORED(name, why) +1
#define UNSUPPORTED(name, neutral, why) +1
#include "config/keys.def"
};

/* Every key that xl 4.17 reads or documents, and no other. */
static void test_xl_keys_are_known(void **state)
{
    static const char keys[] =
        "acpi acpi_firmware acpi_laptop_slate acpi_s3 acpi_s4 altp2m altp2mhvm "
        "apic bios bios_path_override boot bootloader bootloader_args builder "
        "cap channel cmdline cpu_weight cpuid cpus cpus_soft device_model "
        "device_model_args device_model_args_hvm device_model_args_pv "
        "device_model_override device_model_stubdomain_override "
        "device_model_stubdomain_seclabel device_model_user "
        "device_model_version device_tree disk display dm_restrict "
        "driver_domain dtdev e820_host extra extratime firmware "
        "firmware_override gfx_passthru gic_version hap hdtype hpet "
        "init_seclabel iomem ioports irqs kernel keymap latency localtime "
        "max_event_channels max_grant_frames max_grant_version "
        "max_maptrack_frames maxmem maxvcpus mca_caps memory mmio_hole "
        "ms_vm_genid msr_relaxed name nestedhvm nographic nomigrate nx "
        "on_crash on_poweroff on_reboot on_soft_reset on_watchdog oos opengl "
        "p9 pae passthrough pci pci_msitranslate pci_permissive pci_power_mgmt "
        "pci_seize period pool pvcalls pvshim pvshim_cmdline pvshim_extra "
        "pvshim_path ramdisk rdm rdm_mem_boundary root rtc_timeoffset sdl "
        "seclabel serial shadow_memory slice smbios_firmware soundhw spice "
        "spice_clipboard_sharing spice_image_compression spice_streaming_video "
        "spiceagent_mouse spicedisable_ticketing spicehost spicepasswd "
        "spiceport spicetls_port spiceusbredirection spicevdagent stdvga "
        "stubdomain_cmdline stubdomain_kernel stubdomain_memory "
        "stubdomain_ramdisk tee timer_mode tsc_mode type usb usbctrl usbdev "
        "usbdevice usbversion uuid vcpus vdispl vendor_device vfb vga videoram "
        "vif vif2 viridian vkb vkb_device vmtrace_buf_kb vnc vncdisplay "
        "vnclisten vncpasswd vncunused vncviewer vnuma vpmu vpt_align vsnd "
        "vtpm vuart xauthority xen_platform_pci xend_suspend_evtchn_compat";
    char copy[sizeof(keys)];
    char *rest = copy, *key;
    unsigned count = 0;

    (void)state;
    memcpy(copy, keys, sizeof(keys));
    while ((key = strtok_r(rest, " ", &rest))) {
        struct chaos_config *config = NULL;
        struct chaos_error err = { 0 };
        char text[64];
        int rc;

        snprintf(text, sizeof(text), "%s=[['x']]", key);
        logged_count = 0;
        rc = chaos_config_parse(chaos, text, "guest.cfg", &config, &err);
        chaos_config_free(config);
        if ((rc == 0 && logged_count != 1) ||
            strstr(err.message, "unknown key"))
            fail_msg("%s: %s", key, err.message);
        count++;
    }
    assert_int_equal(count, KEYS_COUNT - OWN_KEYS);
}

/* Files of xen-tools have keys that xl does not look at. */
static void test_keys_of_xend(void **state)
{
    struct chaos_config *config =
        parsed("dhcp='dhcp'; xen_shell='u'; system_firmware='x'; hostname='h'\n"
               "netmask='n'; broadcast='b'; gateway='g'; nfs_server='s'\n"
               "nfs_root='r'; restart='onreboot'");

    (void)state;
    assert_int_equal(logged_count, OWN_KEYS - 2);
    chaos_config_free(config);
}

static void test_set(void **state)
{
    static const char base[] = "name='web'; kernel='/k'; extra='a'; maxmem=64";
    static const struct {
        const char *assignment;
        const char *line; /* of the formatted configuration */
    } cases[] = {
        { "name=foo", "name=\"foo\"\n" },
        { "  name =\tfoo  ", "name=\"foo\"\n" },
        { "name='foo'", "name=\"foo\"\n" },
        { "name=12ab", "name=\"12ab\"\n" },
        { "name=x-1", "name=\"x-1\"\n" },
        { "kernel=/boot/vmlinuz", "kernel=\"/boot/vmlinuz\"\n" },
        { "kernel=C:\\x", "kernel=\"C:\\\\x\"\n" },
        { "cmdline=a b  c", "cmdline=\"a b  c\"\n" },
        { "cmdline=a=b;c # d", "cmdline=\"a=b;c # d\"\n" },
        { "cmdline=it's", "cmdline=\"it's\"\n" },
        { "cmdline=", "cmdline=\"\"\n" },
        { "cmdline=\"a\\tb\" # c", "cmdline=\"a\tb\"\n" },
        { "extra+=b c", "extra=\"ab c\"\n" },
        { "extra+=\"b\"", "extra=\"ab\"\n" },
        { "root+=x", "root=\"x\"\n" },
        { "memory=16", "memory=16\n" },
        { "memory=0x10 # hex", "memory=16\n" },
        { "memory=16;", "memory=16\n" },
        { "maxmem=128", "memory=128\nmaxmem=128\n" },
        { "type=pvh", "type=\"pvh\"\n" },
        { "uuid=7c1f6d3e-2b0a-4f55-9e1d-5a0c8b64e2f1",
          "uuid=\"7c1f6d3e-2b0a-4f55-9e1d-5a0c8b64e2f1\"\n" },
        { "cpus=0-3,^2", "cpus=\"0-1,3\"\n" },
        { "cpus_soft=0-3,^2", "cpus_soft=\"0-1,3\"\n" },
        { "maxvcpus=4", "maxvcpus=4\n" },
        { "cpu_weight=300", "cpu_weight=300\n" },
        { "cap=25", "cap=25\n" },
        { "cpus=['1','2']", "cpus=[\"1\", \"2\"]\n" },
        { "vif=['bridge=br1', '']",
          "vif=[\"bridge=br1\", \"bridge=xenbr0\"]\n" },
        { "disk=['/b,,xvdb,r']",
          "disk=[\"format=raw,vdev=xvdb,access=r,target=/b\"]\n" },
        { "on_crash=restart", "on_crash=\"restart\"\n" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct chaos_config *config = parsed(base);
        struct chaos_error err = { .message = "untouched" };
        char *text;

        if (chaos_config_set(chaos, config, cases[i].assignment, &err) < 0)
            fail_msg("%s: %s", cases[i].assignment, err.message);
        assert_string_equal(err.message, "untouched");
        text = formatted(config);
        if (!strstr(text, cases[i].line))
            fail_msg("%s:\n%s", cases[i].assignment, text);
        free(text);
        chaos_config_free(config);
    }
}

static void test_set_refused(void **state)
{
    static const struct {
        const char *assignment;
        int code;
        const char *message;
    } cases[] = {
        { "", CHAOS_EINVAL, "override:1:1: nothing is set: write key=value" },
        { "# x", CHAOS_EINVAL,
          "override:1:1: nothing is set: write key=value" },
        { "memory", CHAOS_EINVAL,
          "override:1:7: memory: expected = or += behind the key before the end "
          "of the text" },
        { "memory=1;vcpus=2", CHAOS_EINVAL,
          "override:1:1: more than one key: set one at a time" },
        { "memory = none", CHAOS_EINVAL,
          "override:1:10: memory=\"none\": not a number from 1 to 16777216: "
          "write one of these" },
        { "name=\"web", CHAOS_EINVAL,
          "override:1:6: name: string without its end: add \" on the same line "
          "(a newline inside a string is written \\n)" },
        { "name=a\nb", CHAOS_EINVAL,
          "override:1:6: name: a string needs quotes: write \"a\"" },
        { "vif=['x'", CHAOS_EINVAL,
          "override:1:9: vif: expected a comma or ] in a list before the end of "
          "the text" },
        { "vif=bridge=br0", CHAOS_EINVAL,
          "override:1:5: vif=\"bridge=br0\": this key takes a list: write "
          "vif=[\"...\"], with a string for each interface" },
        { "disk+=['/a,,xvda']", CHAOS_EINVAL,
          "override:1:1: disk=[...]: += cannot override this key: write the "
          "whole value with =" },
        { "disk=['/a,,xvda', '/b,,xvdz0']", CHAOS_EINVAL,
          "override:1:19: disk=\"/b,,xvdz0\": xvdz0: no such virtual disk: "
          "name it xvda, xvdb and so on, with a number behind for a "
          "partition" },
        { "vif=['mac=zz']", CHAOS_EINVAL,
          "override:1:6: vif=\"mac=zz\": mac=zz: not a MAC address: write it "
          "like 00:16:3e:12:34:56" },
        { "memroy=3", CHAOS_EINVAL,
          "override:1:1: memroy=3: unknown key: did you mean memory? If not, "
          "remove it" },
        { "memory+=3", CHAOS_EINVAL,
          "override:1:1: memory=3: += cannot override this key: write the whole "
          "value with =" },
        { "cpus+=['3']", CHAOS_EINVAL,
          "override:1:1: cpus=[...]: += cannot override this key: write the "
          "whole value with =" },
        { "cpus=['1','x']", CHAOS_EINVAL,
          "override:1:11: cpus=[...]: not a list of CPUs: write it like "
          "\"0-3,5,^1\" or \"all\"" },
        { "Name=x", CHAOS_EINVAL,
          "override:1:1: unexpected 'N': a value that is not a number needs "
          "quotes, a key is written in lower case" },
    };
    struct chaos_config *config =
        parsed(MINIMAL "cpus=['5','6']; extra='x'; memory=4\n"
                       "vif=['mac=00:16:3e:00:00:01']; disk=['/a,,xvda']");
    char *before = formatted(config);

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct chaos_error err = { 0 };
        char *after;

        assert_int_equal(
            chaos_config_set(chaos, config, cases[i].assignment, &err),
            cases[i].code);
        assert_string_equal(err.message, cases[i].message);
        assert_int_equal(err.code, cases[i].code);
        assert_int_equal(
            chaos_config_set(chaos, config, cases[i].assignment, NULL),
            cases[i].code);
        after = formatted(config);
        assert_string_equal(after, before);
        free(after);
    }
    free(before);
    chaos_config_free(config);
}

static void test_check(void **state)
{
    static const struct {
        const char *text;
        const char *override; /* or NULL */
        const char *message;  /* NULL: it is fine */
    } cases[] = {
        { MINIMAL, NULL, NULL },
        { MINIMAL "builder='generic'", NULL, NULL },
        { MINIMAL "builder='generic'; type='pv'", NULL, NULL },
        { MINIMAL "memory=64; maxmem=64", NULL, NULL },
        { MINIMAL "vcpus=2; maxvcpus=2; cap=200", NULL, NULL },
        { MINIMAL "maxvcpus=4; cap=400; cpu_weight=1", NULL, NULL },
        { MINIMAL "name='0x1'", NULL, NULL },
        { MINIMAL "name='\xc3\xa4 b'", NULL, NULL },
        { "kernel='k'", NULL, "guest.cfg: name is not set: add name=\"...\"" },
        { "name='web'", NULL,
          "guest.cfg: kernel is not set: add kernel=\"/path/to/unikernel\"" },
        { MINIMAL "name=''", NULL,
          "guest.cfg:3:6: name=\"\": empty: give the guest a name" },
        { MINIMAL "name='a/b'", NULL,
          "guest.cfg:3:6: name=\"a/b\": a / in a name: remove it" },
        { MINIMAL "name='a\\nb'", NULL,
          "guest.cfg:3:6: name=\"a...\": control character 0x0a in a name: "
          "remove it" },
        { MINIMAL "name='ab\\x7f'", NULL,
          "guest.cfg:3:6: name=\"ab...\": control character 0x7f in a name: "
          "remove it" },
        { MINIMAL, " name=007",
          "override:1:7: name=\"007\": would be taken for a domid: add a "
          "letter" },
        { MINIMAL "kernel=''", NULL,
          "guest.cfg:3:8: kernel=\"\": empty: name the unikernel's image" },
        { MINIMAL "ramdisk=''", NULL,
          "guest.cfg:3:9: ramdisk=\"\": empty: name a file or remove the key" },
        { MINIMAL "builder='generic'", "type=pvh",
          "guest.cfg:3:9: builder=\"generic\": contradicts type=\"pvh\": remove "
          "it" },
        { MINIMAL "memory=64\nmaxmem=63", NULL,
          "guest.cfg:4:8: maxmem=63: below memory=64: raise it or remove it" },
        { MINIMAL "vcpus=3\nmaxvcpus=2", NULL,
          "guest.cfg:4:10: maxvcpus=2: below vcpus=3: raise it or remove it" },
        { MINIMAL "maxvcpus=2", "vcpus=3",
          "guest.cfg:3:10: maxvcpus=2: below vcpus=3: raise it or remove it" },
        { MINIMAL "vcpus=2\ncap=201", NULL,
          "guest.cfg:4:5: cap=201: above 100 for each of 2 vCPUs: lower it or "
          "remove it" },
        { MINIMAL "maxmem=64", "memory=65",
          "guest.cfg:3:8: maxmem=64: below memory=65: raise it or remove it" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct chaos_config *config = parsed(cases[i].text);
        struct chaos_error err = { .message = "untouched" };
        int rc;

        if (cases[i].override)
            assert_int_equal(
                chaos_config_set(chaos, config, cases[i].override, &err), 0);
        rc = chaos_config_check(config, &err);
        assert_string_equal(err.message,
                            cases[i].message ? cases[i].message : "untouched");
        assert_int_equal(rc, cases[i].message ? CHAOS_EINVAL : 0);
        chaos_config_free(config);
    }
}

static void test_check_lengths(void **state)
{
    char name[CHAOS__NAME_MAX + 2], line[1025];
    char text[2048];
    struct chaos_config *config;
    struct chaos_error err = { 0 };

    (void)state;
    memset(name, 'n', sizeof(name));
    name[CHAOS__NAME_MAX + 1] = '\0';
    snprintf(text, sizeof(text), MINIMAL "name='%s'", name);
    config = parsed(text);
    assert_int_equal(chaos_config_check(config, &err), CHAOS_EINVAL);
    assert_string_equal(err.message,
                        "guest.cfg:3:6: name=\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
                        "...\": longer than 127 bytes: shorten it");
    config->name[CHAOS__NAME_MAX] = '\0';
    assert_int_equal(chaos_config_check(config, &err), 0);
    chaos_config_free(config);

    memset(line, 'c', sizeof(line));
    line[1024] = '\0';
    snprintf(text, sizeof(text), MINIMAL "extra='%s'", line);
    config = parsed(text);
    assert_int_equal(chaos_config_check(config, &err), CHAOS_EINVAL);
    assert_string_equal(err.message,
                        "guest.cfg:3:7: extra=...: the command line has 1024 "
                        "bytes, a PV guest's can have 1023: shorten it or use "
                        "type=\"pvh\"");
    config->extra[1023] = '\0';
    assert_int_equal(chaos_config_check(config, &err), 0);
    config->extra[1023] = 'c';
    assert_int_equal(chaos_config_set(chaos, config, "type=pvh", &err), 0);
    assert_int_equal(chaos_config_check(config, &err), 0);
    chaos_config_free(config);
}

static void test_command_line(void **state)
{
    static const struct {
        const char *text;
        const char *line;
        unsigned warnings;
    } cases[] = {
        { "", "", 0 },
        { "extra='a b'", "a b", 0 },
        { "root='/dev/xvda'", "root=/dev/xvda", 0 },
        { "root='/dev/xvda'; extra='ro'", "root=/dev/xvda ro", 0 },
        { "cmdline='c'", "c", 0 },
        { "cmdline='c'; root='r'; extra='e'", "c", 1 },
        { "cmdline=''; extra='e'", "", 1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct chaos_config *config;
        char *line;

        logged_count = 0;
        config = parsed(cases[i].text);
        line = chaos__config_command_line(config);
        assert_string_equal(line, cases[i].line);
        assert_int_equal(logged_count, cases[i].warnings);
        /* Only what concerns the command line warns about it again. */
        logged_count = 0;
        assert_int_equal(chaos_config_set(chaos, config, "memory=1", NULL), 0);
        assert_int_equal(logged_count, 0);
        free(line);
        chaos_config_free(config);
    }
}

static void test_cpus(void **state)
{
    static const struct {
        const char *cpus;
        const char *formatted; /* NULL: there is no cpus= */
    } cases[] = {
        { "'all'", NULL },
        { "[]", NULL },
        { "0", "\"0\"" },
        { "'0-3,5,^1'", "\"0,2-3,5\"" },
        { "'^1,0-3'", "\"0-3\"" },
        { "'all,^0-1021'", "\"1022-1023\"" },
        { "'3,all,^1-1023'", "\"0\"" },
        { "' 1,, 2 ,3 - 4,'", "\"1-4\"" },
        { "'63,64,127,128'", "\"63-64,127-128\"" },
        { "'008'", "\"8\"" },
        { "['1']", "[\"1\", \"all\"]" },
        { "['1', 'all', 3]", "[\"1\", \"all\", \"3\"]" },
    };
    static const char *const refused[] = {
        "",    "^1",  "1-0",  "0,3-2", "1024", "0-1024", "99999999999999999999",
        "1-",  "-1",  "1 2",  "x",     "all1", "^all",   "^^1",
        "1;2", "0x1", "1,^1", "^",     ",",
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct chaos_config *config;
        char *format, *found;

        snprintf(text, sizeof(text), "cpus=%s", cases[i].cpus);
        config = parsed(text);
        format = formatted(config);
        found = strstr(format, "cpus=[");
        found = found ? found : strstr(format, "\ncpus=");
        if (cases[i].formatted) {
            snprintf(text, sizeof(text), "\ncpus=%s\n", cases[i].formatted);
            if (!strstr(format, text))
                fail_msg("%s: %s", cases[i].cpus, format);
        } else {
            assert_null(found);
        }
        free(format);
        chaos_config_free(config);
    }
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct chaos_cpuset set;
        const char *why = NULL;

        if (chaos__cpuset_parse(refused[i], &set, &why) != CHAOS_EINVAL)
            fail_msg("accepted: %s", refused[i]);
        assert_non_null(why);
    }
}

/* The longest text that a set can have fits. */
static void test_cpuset_format_longest(void **state)
{
    char text[CHAOS__CPUSET_TEXT_MAX];
    struct chaos_cpuset set, again;
    const char *why;
    size_t length;

    (void)state;
    memset(&set, 0xaa, sizeof(set));
    length = chaos__cpuset_format(&set, text);
    assert_int_equal(length, strlen(text));
    assert_true(length < sizeof(text));
    assert_int_equal(chaos__cpuset_parse(text, &again, &why), 0);
    assert_memory_equal(&again, &set, sizeof(set));
}

static void assert_round_trip(const char *text)
{
    struct chaos_config *config = parsed(text);
    char *once = formatted(config);
    struct chaos_config *again = parsed(once);
    char *twice = formatted(again);

    assert_string_equal(twice, once);
    free(once);
    free(twice);
    chaos_config_free(config);
    chaos_config_free(again);
}

static void test_format(void **state)
{
    static const char text[] =
        "kernel='k'; name='a\"b\\'c\\\\d'; cmdline=''; max_grant_frames=4\n"
        "cpus='3'; uuid='7c1f6d3e-2b0a-4f55-9e1d-5a0c8b64e2f1'";
    struct chaos_config *config = parsed(text);
    char *format = formatted(config);

    (void)state;
    assert_string_equal(format,
                        "name=\"a\\\"b'c\\\\d\"\n"
                        "type=\"pv\"\n"
                        "kernel=\"k\"\n"
                        "cmdline=\"\"\n"
                        "memory=32\n"
                        "vcpus=1\n"
                        "cpus=\"3\"\n"
                        "uuid=\"7c1f6d3e-2b0a-4f55-9e1d-5a0c8b64e2f1\"\n"
                        "on_poweroff=\"destroy\"\n"
                        "on_reboot=\"restart\"\n"
                        "on_crash=\"destroy\"\n"
                        "on_watchdog=\"destroy\"\n"
                        "max_grant_frames=4\n");
    free(format);
    chaos_config_free(config);
    assert_round_trip(text);
    assert_round_trip("");
    assert_round_trip("maxmem=7; type='pvh'; ramdisk='r'; root='s'\n"
                      "extra='t'; cpus=['1']; max_event_channels=9\n"
                      "maxvcpus=128; cpus_soft=['2']; cpu_weight=9; cap=7\n"
                      "on_poweroff='restart'; vcpus=128; on_crash='preserve'");
}

/* Every byte that a string can hold survives. */
static void test_format_bytes(void **state)
{
    char text[1400] = "extra=\"";
    size_t length = strlen(text);
    struct chaos_config *config, *again;
    char *format;

    (void)state;
    for (unsigned byte = 1; byte < 256; byte++)
        length += (size_t)snprintf(text + length, sizeof(text) - length,
                                   byte % 2 ? "\\x%02x" : "\\%03o", byte);
    snprintf(text + length, sizeof(text) - length, "\"");
    config = parsed(text);
    assert_int_equal(strlen(config->extra), 255);
    for (unsigned byte = 1; byte < 256; byte++)
        assert_int_equal((unsigned char)config->extra[byte - 1], byte);
    format = formatted(config);
    again = parsed(format);
    assert_string_equal(again->extra, config->extra);
    free(format);
    chaos_config_free(config);
    chaos_config_free(again);
}

/* A temporary file with this content; the caller unlinks it. */
static void write_file(char path[], const char *content, size_t length)
{
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, length), (ssize_t)length);
    close(fd);
}

static void test_load(void **state)
{
    static const char nul[] = "name='a'\nkernel='\0'";
    char path[] = "/tmp/chaos-test-config-XXXXXX";
    char message[256];
    struct chaos_config *config = NULL;
    struct chaos_error err = { 0 };

    (void)state;
    write_file(path, MINIMAL, strlen(MINIMAL));
    assert_int_equal(chaos_config_load(chaos, path, &config, &err), 0);
    assert_string_equal(config->kernel, "/boot/web");
    chaos_config_free(config);
    unlink(path);

    assert_int_equal(chaos_config_load(chaos, path, &config, &err),
                     CHAOS_EFAILED);
    snprintf(message, sizeof(message),
             "cannot open %s: No such file or directory", path);
    assert_string_equal(err.message, message);
    assert_int_equal(chaos_config_load(chaos, "/", &config, &err),
                     CHAOS_EFAILED);
    assert_string_equal(err.message, "cannot read /: Is a directory");

    memcpy(path + strlen(path) - 6, "XXXXXX", 6);
    write_file(path, nul, sizeof(nul) - 1);
    assert_int_equal(chaos_config_load(chaos, path, &config, &err),
                     CHAOS_EINVAL);
    snprintf(message, sizeof(message),
             "%s:2:8: kernel: NUL byte: this is not a text file", path);
    assert_string_equal(err.message, message);
    unlink(path);
}

/* A size around each step in which the file's buffer grows. */
static void test_load_sizes(void **state)
{
    static const size_t sizes[] = { 4095,  4096,  4097,    16383,  16384,
                                    16385, 65536, 1048575, 1048576 };
    char *text = malloc(CHAOS__SYNTAX_BYTES_MAX + 1);
    struct chaos_config *config = NULL;
    struct chaos_error err = { 0 };
    char message[256];

    (void)state;
    assert_non_null(text);
    memset(text, ' ', CHAOS__SYNTAX_BYTES_MAX + 1);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char path[] = "/tmp/chaos-test-config-XXXXXX";

        memset(text, ' ', sizes[i]);
        memcpy(text + sizes[i] - 8, "memory=7", 8);
        write_file(path, text, sizes[i]);
        assert_int_equal(chaos_config_load(chaos, path, &config, &err), 0);
        assert_int_equal(config->memory_kb, 7 * 1024);
        chaos_config_free(config);
        unlink(path);
    }
    for (size_t excess = 1; excess <= 4096; excess *= 4096) {
        char path[] = "/tmp/chaos-test-config-XXXXXX";

        write_file(path, text, CHAOS__SYNTAX_BYTES_MAX);
        assert_int_equal(
            truncate(path, (off_t)(CHAOS__SYNTAX_BYTES_MAX + excess)), 0);
        assert_int_equal(chaos_config_load(chaos, path, &config, &err),
                         CHAOS_EINVAL);
        snprintf(message, sizeof(message),
                 "%s: longer than 1048576 bytes: this is no guest's "
                 "configuration",
                 path);
        assert_string_equal(err.message, message);
        unlink(path);
    }
    free(text);
}

static void test_load_stdin(void **state)
{
    static const char text[] = MINIMAL "memroy=1\n";
    const int saved = dup(STDIN_FILENO);
    struct chaos_config *config = NULL;
    struct chaos_error err = { 0 };
    int fds[2], rc;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], text, sizeof(text) - 1),
                     (ssize_t)sizeof(text) - 1);
    close(fds[1]);
    dup2(fds[0], STDIN_FILENO);
    close(fds[0]);
    rc = chaos_config_load(chaos, "-", &config, &err);
    dup2(saved, STDIN_FILENO);
    close(saved);
    assert_int_equal(rc, CHAOS_EINVAL);
    assert_string_equal(err.message,
                        "stdin:3:1: memroy=1: unknown key: did you mean "
                        "memory? If not, remove it");
}

/* vif=[[...]] with `depth` brackets. */
static int parse_nested(unsigned depth, struct chaos_error *err)
{
    char text[256] = "vif=";
    struct chaos__syntax syntax;
    int rc;

    memset(text + 4, '[', depth);
    memset(text + 4 + depth, ']', depth);
    rc = chaos__syntax_parse(&syntax, text, strlen(text), "guest.cfg", err);
    chaos__syntax_free(&syntax);
    return rc;
}

static int parse_many(unsigned keys, struct chaos_error *err)
{
    const size_t size = 16 * (size_t)keys + 1;
    char *text = malloc(size);
    struct chaos__syntax syntax;
    size_t length = 0;
    int rc;

    assert_non_null(text);
    for (unsigned i = 0; i < keys; i++)
        length += (size_t)snprintf(text + length, size - length, "k%u=1\n", i);
    rc = chaos__syntax_parse(&syntax, text, length, "guest.cfg", err);
    chaos__syntax_free(&syntax);
    free(text);
    return rc;
}

/* cpus=[0,0,...] */
static int parse_cpus(unsigned count, struct chaos_error *err)
{
    struct chaos_config *config = NULL;
    char text[512] = "cpus=[";
    int rc;

    for (unsigned i = 0; i < count; i++)
        memcpy(text + 6 + 2 * i, "0,", 2);
    text[6 + 2 * count] = ']';
    rc = chaos_config_parse(chaos, text, "guest.cfg", &config, err);
    chaos_config_free(config);
    return rc;
}

static void test_bounds(void **state)
{
    struct chaos_error err = { 0 };

    (void)state;
    assert_int_equal(parse_nested(32, &err), 0);
    assert_int_equal(parse_nested(33, &err), CHAOS_EINVAL);
    assert_string_equal(err.message,
                        "guest.cfg:1:37: vif: lists nest deeper than 32: use "
                        "fewer brackets");
    assert_int_equal(parse_many(4096, &err), 0);
    assert_int_equal(parse_many(4097, &err), CHAOS_EINVAL);
    assert_string_equal(err.message,
                        "guest.cfg:4097:1: k4096: more than 4096 keys: this is "
                        "no guest's configuration");
    assert_int_equal(parse_cpus(128, &err), 0);
    assert_int_equal(parse_cpus(129, &err), CHAOS_EINVAL);
    assert_string_equal(err.message,
                        "guest.cfg:1:6: cpus=[...]: longer than the 128 vCPUs "
                        "that a guest can have: shorten it");
}

/* A megabyte of additions takes memory in proportion, not its square. */
static void test_many_additions(void **state)
{
    const unsigned additions = 100000;
    char *text = malloc(additions * 10 + 1);
    struct chaos__syntax syntax;

    (void)state;
    assert_non_null(text);
    for (unsigned i = 0; i < additions; i++)
        memcpy(text + 10 * i, "ext+='xy'\n", 10);
    assert_int_equal(
        chaos__syntax_parse(&syntax, text, additions * 10, "guest.cfg", NULL),
        0);
    assert_int_equal(syntax.count, 1);
    assert_int_equal(syntax.first->value.u.atom.length, 2 * additions);
    chaos__syntax_free(&syntax);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults, clear_log),
        cmocka_unit_test(test_all_keys),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_long_values_are_shortened),
        cmocka_unit_test(test_suggestions),
        cmocka_unit_test_setup(test_ignored, clear_log),
        cmocka_unit_test_setup(test_neutral, clear_log),
        cmocka_unit_test_setup(test_keys_of_xend, clear_log),
        cmocka_unit_test_setup(test_xl_keys_are_known, clear_log),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_set_refused),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_check_lengths),
        cmocka_unit_test_setup(test_command_line, clear_log),
        cmocka_unit_test(test_cpus),
        cmocka_unit_test(test_cpuset_format_longest),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_format_bytes),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_load_sizes),
        cmocka_unit_test(test_load_stdin),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_many_additions),
    };

    return cmocka_run_group_tests_name("config", tests, setup, teardown);
}
