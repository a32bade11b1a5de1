/* SPDX-License-Identifier: MIT */
/*
 * The strings in disk=[...] and the rates in vif=[...] against xl's own
 * parsers, xlu_disk_parse() and xlu_vif_parse_rate(): what both accept means
 * the same to both, and where only one accepts, the reason is a known one.
 * What chaos writes must mean the same to xl, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxlutil.h>

#include "config/keys.h"
#include "config/rate.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MUTATIONS 50000
#define INPUT_MAX 512

/* libxlutil loses values when it refuses an input. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}

const char *__lsan_default_suppressions(void)
{
    return "leak:libxlutil";
}

static XLU_Config *xl; /* where libxlutil's messages go: nowhere */
static FILE *null_file;

static int setup(void **state)
{
    (void)state;
    null_file = fopen("/dev/null", "we");
    assert_non_null(null_file);
    xl = xlu_cfg_init(null_file, "test");
    assert_non_null(xl);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    xlu_cfg_destroy(xl);
    fclose(null_file);
    return 0;
}

/* ----------------------------------------------------------------- disks */

static const char *const disks[] = {
    /* As the manual has them. */
    "/dev/vg/guest-volume,,hda",
    "/dev/vg/guest-volume,raw,hda,rw",
    "format=raw, vdev=hda, access=rw, target=/dev/vg/guest-volume",
    "raw:/dev/vg/guest-volume,hda,w",
    "/root/image.iso,,hdc,cdrom",
    "/root/image.iso,,hdc,,cdrom",
    "/root/image.iso,raw,hdc,devtype=cdrom",
    "format=raw, vdev=hdc, access=ro, devtype=cdrom, target=/root/image.iso",
    "raw:/root/image.iso,hdc:cdrom,ro",
    ",hdc:cdrom,r",
    /* Positions. */
    "",
    " ",
    ",",
    ",,",
    ",,,",
    ",,xvda",
    "/a",
    "/a,",
    "/a,,",
    "/a,,xvda",
    "/a,,xvda,",
    "/a,,xvda,w",
    "/a,,xvda,w,",
    "/a,,xvda,w,,",
    "/a,,xvda,w,w",
    "/a,,,w",
    "/a,raw,,w,vdev=xvda",
    "/a,xvda,w",
    "/a,raw,xvda,r,x",
    " /a,\traw, xvda,  r",
    "/a ,raw,xvda",
    "/a, raw ,xvda",
    "/a,,xvda,w ",
    "a b,,xvda",
    "vdev=xvda,/a",
    "vdev=xvda,/a,raw",
    "vdev=xvda,/a,raw,w",
    "format=raw,/a,xvda",
    "format=,/a,xvda",
    "access=r,/a,,xvda",
    "vdev=xvda,,target=/a",
    ",,xvda,target=/a",
    "/a,,xvda,target=/b",
    "/a,,xvda,target=",
    "vdev=,vdev=xvda,/a",
    /* target= */
    "vdev=xvda,target=/a",
    "vdev=xvda,target=/a,b=c:d, e ",
    "vdev=xvda,target=/a,",
    "vdev=xvda,target=/a,,",
    "vdev=xvda,target=",
    "vdev=xvda,target=,",
    "vdev=xvda, target= /a",
    "vdev=xvda,target=phy:/a",
    "target=/a,vdev=xvda",
    "vdev=xvda,target=/a!\"'\\",
    /* Formats, accesses, types. */
    "/a,qcow,xvda",
    "/a,qcow2,xvda",
    "/a,vhd,xvda",
    "/a,qed,xvda",
    "/a,empty,xvda",
    "/a,RAW,xvda",
    "/a,aio,xvda",
    "/a,,xvda,r",
    "/a,,xvda,ro",
    "/a,,xvda,rw",
    "/a,,xvda,R",
    "/a,,xvda,access=",
    "/a,,xvda,access=x",
    "/a,,xvda:cdrom",
    "/a,,xvda:disk,w",
    "/a,,xvda:tape",
    "/a,,xvda:",
    "/a,,vdev=xvda:cdrom",
    "/a,,xvda,w,cdrom",
    "cdrom,devtype=disk,/a,,xvda",
    "devtype=disk,cdrom,/a,,xvda",
    "devtype=tape,/a,,xvda",
    "devtype,/a,,xvda",
    "cdrom=1,/a,,xvda",
    "cdrom,vdev=hdc",
    "cdrom,vdev=hdc,target=",
    ",hdc,cdrom",
    "vdev=hdc",
    /* Prefixes. */
    "phy:/dev/sda,xvda,w",
    "phy:/dev/sda,raw,xvda,w",
    "phy:vg/a,xvda,r",
    "file:/a,xvda,w",
    "file:a,xvda,w",
    "tap:aio:/a,xvda,w",
    "tap2:aio:/a,xvda,w",
    "tap: aio:/a,xvda,w",
    "tapdisk:/a,xvda",
    "ioemu:/a,xvda",
    "tap:qcow2:/a,xvda",
    "qcow:/a,xvda",
    "vhd:/a,xvda",
    "raw:raw:/a,xvda",
    "qed:/a,xvda",
    "iscsi:x,xvda",
    "nbd:host:1,xvda",
    "enbd:host,xvda",
    "drbd:r0,xvda",
    "foo:/a,xvda",
    "foo:,xvda",
    "foo:",
    "foo:bar,,xvda",
    "foo:bar",
    "9p:/a,,xvda",
    "Foo:/a,,xvda",
    "/a:/b,,xvda",
    "/a,raw:xvda,w",
    "/a,,phy:xvda,w",
    "phy:",
    "phy:,xvda",
    /* Other keys. */
    "backendtype=phy,/a,,xvda",
    "backendtype=qdisk,/a,,xvda",
    "backendtype=tap,/a,,xvda",
    "backendtype=standalone,/a,,xvda",
    "backendtype=x,/a,,xvda",
    "specification=xen,/a,,xvda",
    "specification=virtio,/a,,xvda",
    "backend=Domain-0,/a,,xvda",
    "backend=0,/a,,xvda",
    "backend=storage,/a,,xvda",
    "script=block,/a,,xvda",
    "script=block-iscsi,/a,,xvda",
    "/a,,xvda,discard",
    "/a,,xvda,no-discard",
    "/a,,xvda,direct-io-safe",
    "/a,,xvda,direct-io-safe=1",
    "/a,,xvda,colo",
    "/a,,xvda,no-colo",
    "/a,,xvda,colo-host=h",
    "/a,,xvda,active-disk=x",
    "/a,,xvda,foo=bar",
    "/a,,xvda,foo=",
    "foo=,/a,,xvda",
    "/a=b,,xvda",
    "/a,,xvda=1",
    "=,/a,,xvda",
    "=",
    "discards,,xvda",
    "format,,xvda",
    /* What xl 4.17 doesn't know, and chaos does. */
    "/a,,xvda,w!",
    "/a,,xvda,r!",
    "trusted,/a,,xvda",
    "untrusted,/a,,xvda",
};

struct chaos_disk_result {
    int rc;
    struct chaos_error err;
    struct chaos_config config;
};

/* The configuration disk=["text"], without the language around it. */
static void parse_disk(const char *text, struct chaos_disk_result *result)
{
    struct chaos__value item = { .kind = CHAOS__VALUE_ATOM };
    struct chaos__setting setting = { .name = "disk" };
    struct chaos__assignment assignment = {
        .config = &result->config,
        .setting = &setting,
        .key = CHAOS__KEY_DISK,
        .source = "test",
        .err = &result->err,
    };
    char *copy = strdup(text); /* of the exact size, for the sanitizer */

    memset(result, 0, sizeof(*result));
    item.u.atom.text = copy;
    item.u.atom.length = strlen(text);
    setting.value.kind = CHAOS__VALUE_LIST;
    setting.value.u.list.first = &item;
    setting.value.u.list.last = &item;
    setting.value.u.list.count = 1;
    result->rc = chaos__set_disks(&assignment);
    free(copy);
}

static bool is_name(const char *text, const char *name)
{
    return text && strcmp(text, name) == 0;
}

/* Whether xl has understood something that chaos doesn't do. */
static bool is_more(const libxl_device_disk *disk)
{
    return disk->format != LIBXL_DISK_FORMAT_RAW ||
           (disk->backend != LIBXL_DISK_BACKEND_UNKNOWN &&
            disk->backend != LIBXL_DISK_BACKEND_PHY) ||
           disk->specification == LIBXL_DISK_SPECIFICATION_VIRTIO ||
           (disk->backend_domname && !is_name(disk->backend_domname, "0") &&
            !is_name(disk->backend_domname, "Domain-0")) ||
           (!libxl_defbool_is_default(disk->discard_enable) &&
            !libxl_defbool_val(disk->discard_enable)) ||
           (!libxl_defbool_is_default(disk->colo_enable) &&
            libxl_defbool_val(disk->colo_enable)) ||
           disk->colo_host || disk->colo_port || disk->colo_export ||
           disk->active_disk || disk->hidden_disk;
}

/* Why chaos refuses what xl leaves to whoever uses it, or overlooks: a = at
 * the end of the string. */
static bool is_stricter(const char *text, const char *message)
{
    static const char *const reasons[] = {
        "no such virtual disk",
        "no virtual disk is named",
        "no target",
        "is there twice",
        "are there already",
        "no script is named",
    };

    for (size_t i = 0; i < COUNT(reasons); i++) {
        if (strstr(message, reasons[i]))
            return true;
    }
    return *text && text[strlen(text) - 1] == '=';
}

/* Whether it may have what xl 4.17 refuses and chaos does not. */
static bool is_newer(const char *text)
{
    return strchr(text, '!') || strstr(text, "trusted");
}

/* Chaos has the path, and none for the usual one. */
static bool is_same_script(const char *theirs, const char *ours)
{
    char path[512];

    if (!theirs)
        return !*ours;
    snprintf(path, sizeof(path), "%s%s",
             *theirs == '/' ? "" : "/etc/xen/scripts/", theirs);
    return strcmp(ours, path) == 0 ||
           (!*ours && strcmp(path, "/etc/xen/scripts/block") == 0);
}

static void assert_same_disk(const char *text, const libxl_device_disk *theirs,
                             const struct chaos__disk *ours)
{
    if (is_more(theirs) || !is_name(theirs->pdev_path, ours->target) ||
        !is_name(theirs->vdev, ours->vdev) ||
        !is_same_script(theirs->script, ours->script) ||
        theirs->is_cdrom != ours->is_cdrom ||
        theirs->readwrite != (ours->access != CHAOS__DISK_READ_ONLY))
        fail_msg("differs: %s: xl: target=%s vdev=%s cdrom=%d readwrite=%d, "
                 "chaos: target=%s vdev=%s cdrom=%d access=%d",
                 text, theirs->pdev_path, theirs->vdev, theirs->is_cdrom,
                 theirs->readwrite, ours->target, ours->vdev, ours->is_cdrom,
                 ours->access);
}

/* Whether xl reads what chaos writes, apart from w!. */
static void assert_written(struct chaos_config *config)
{
    struct chaos__disk *disk = &config->disks[0];
    libxl_device_disk theirs;
    XLU_Config *file = xlu_cfg_init(null_file, "test");
    XLU_ConfigList *list;
    const char *item;
    char *text = NULL;

    if (disk->access == CHAOS__DISK_SHARED_WRITE)
        disk->access = CHAOS__DISK_WRITE;
    assert_int_equal(chaos_config_format(config, &text, NULL), 0);
    assert_int_equal(xlu_cfg_readdata(file, text, (int)strlen(text)), 0);
    assert_int_equal(xlu_cfg_get_list(file, "disk", &list, NULL, 1), 0);
    item = xlu_cfg_get_listitem(list, 0);
    libxl_device_disk_init(&theirs);
    assert_int_equal(xlu_disk_parse(file, 1, &item, &theirs), 0);
    assert_same_disk(text, &theirs, disk);
    libxl_device_disk_dispose(&theirs);
    xlu_cfg_destroy(file);
    free(text);
}

static bool compare_disk(const char *text)
{
    struct chaos_disk_result ours;
    libxl_device_disk theirs;
    int r;

    libxl_device_disk_init(&theirs);
    r = xlu_disk_parse(xl, 1, &text, &theirs);
    parse_disk(text, &ours);
    if (ours.rc == 0 && r == 0)
        assert_same_disk(text, &theirs, &ours.config.disks[0]);
    else if (ours.rc == 0 && !is_newer(text))
        fail_msg("only chaos accepts: %s", text);
    else if (ours.rc == CHAOS_ENOTSUP && r == 0 && !is_more(&theirs))
        fail_msg("not supported: %s: %s", text, ours.err.message);
    else if (ours.rc == CHAOS_EINVAL && r == 0 &&
             !is_stricter(text, ours.err.message))
        fail_msg("only xl accepts: %s: %s", text, ours.err.message);
    libxl_device_disk_dispose(&theirs);
    if (ours.rc == 0)
        assert_written(&ours.config);
    chaos__disks_free(ours.config.disks, ours.config.disk_count);
    return ours.rc == 0;
}

static void test_disks(void **state)
{
    size_t accepted = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(disks); i++)
        accepted += compare_disk(disks[i]);
    /* The comparison means something only if both happen. */
    assert_true(accepted > 40);
    assert_true(COUNT(disks) - accepted > 40);
}

/* Xorshift: the same inputs everywhere and always. */
static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static size_t below(uint32_t *seed, size_t limit)
{
    return limit ? next_random(seed) % limit : 0;
}

/* What disks are made of.  Without "discard": xl lets it win over an
 * earlier "no-discard", which chaos refuses. */
static const char *const disk_parts[] = {
    "/a",
    "/b c",
    "",
    "raw",
    "",
    "xvda",
    "sdb1",
    "hdc:cdrom",
    "w",
    "r",
    "cdrom",
    "format=raw",
    "vdev=xvdb",
    "access=ro",
    "vdev=",
    "target=/c,d=e",
    "devtype=disk",
    "phy:",
    "file:/f",
    "tap:aio:/g",
    "qcow2",
    "no-discard",
    "backendtype=qdisk",
    "foo:/h",
    "foo:i",
    "script=x",
    "backend=0",
    "direct-io-safe",
    "d0p1",
    "w!",
    "target=",
};

static void random_disk(uint32_t *seed, char text[INPUT_MAX])
{
    static const char letters[] = ",,,=:: \t/abcdefr0129w!-";
    size_t length;

    text[0] = '\0';
    if (below(seed, 2)) {
        strcat(text, disks[below(seed, COUNT(disks))]);
        strcat(text, below(seed, 2) ? "," : "");
    }
    for (size_t n = below(seed, *text ? 3 : 7); n > 0; n--) {
        strcat(text, disk_parts[below(seed, COUNT(disk_parts))]);
        if (n > 1)
            strcat(text, below(seed, 8) ? "," : ", ");
    }
    length = strlen(text);
    for (size_t n = below(seed, 3); n > 0 && length > 0; n--)
        text[below(seed, length)] = letters[below(seed, sizeof(letters) - 1)];
}

static void test_random_disks(void **state)
{
    char text[INPUT_MAX];
    uint32_t seed = 20170823;
    size_t accepted = 0;

    (void)state;
    for (size_t i = 0; i < MUTATIONS; i++) {
        random_disk(&seed, text);
        accepted += compare_disk(text);
    }
    assert_true(accepted > MUTATIONS / 20);
}

/* ----------------------------------------------------------------- rates */

static const char *const rates[] = {
    "10Mb/s",
    "250KB/s",
    "1MB/s@20ms",
    "1GB/s@1us",
    "4294967295B/s",
    "4294967296B/s",
    "4294967295KB/s",
    "4294967295MB/s@1us",
    "4294967295GB/s@1us",
    "4294967295GB/s@4us",
    "4294967295GB/s@5us",
    "4294967295Gb/s@34us",
    "4294967295Gb/s@35us",
    "1B/s@4294s",
    "1B/s@4295s",
    "1B/s@4294967295us",
    "1B/s@4294967296us",
    "1B/s@4294967ms",
    "1B/s@4294968ms",
    "7b/s@4294s",
    "8b/s@1s",
    "15b/s@1s",
    "999b/s@7s",
    "12345Kb/s@777us",
    "10Mb/s@20",
    "10Mb/s@20m",
    "10Mb/s@20u",
    "10Mb/s@20s",
    "10Mb/s@0",
    "10Mb/s@",
    "10Mb/s@@20ms",
    "10Mb/s@20ms@",
    "10Mb/s@-1",
    "10Mb/s@20ks",
    "10Mb/s@20mss",
    "@20ms",
    "",
    "/s",
    "0b/s",
    "0Kb/s",
    "1b/s",
    "1B/s",
    "20B/s",
    "19B/s",
    "010Mb/s",
    "10Mb/s@010ms",
    "0x10Mb/s",
    "10",
    "10M",
    "10Mb",
    "10Mb/",
    "10Mb/S",
    "10mb/s",
    "10kb/s",
    "10Tb/s",
    "10MMb/s",
    "10MBb/s",
    "-10Mb/s",
    "+10Mb/s",
    " 10Mb/s",
    "10 Mb/s",
    "10Mb/s ",
    "1.5Mb/s",
    "99999999999999999999Mb/s",
    "1Mb/s@99999999999999999999us",
};

/* A 0 in front makes the rest octal in xl, and strange if it can't be; a rate
 * of less than a byte is none at all there. */
static bool is_strange(const char *text, uint64_t bytes)
{
    const char *interval = strchr(text, '@');

    return bytes == 0 || *text == '0' || (interval && interval[1] == '0');
}

static void assert_same_rate(const char *text, uint64_t bytes,
                             uint32_t interval_us)
{
    libxl_device_nic nic;

    libxl_device_nic_init(&nic);
    errno = 0; /* which libxlutil forgets to do */
    assert_int_equal(xlu_vif_parse_rate(xl, text, &nic), 0);
    if (nic.rate_bytes_per_interval != bytes ||
        nic.rate_interval_usecs != interval_us)
        fail_msg("%s: xl: %" PRIu64 ",%" PRIu32 ", chaos: %" PRIu64 ",%" PRIu32,
                 text, nic.rate_bytes_per_interval, nic.rate_interval_usecs,
                 bytes, interval_us);
    libxl_device_nic_dispose(&nic);
}

static bool compare_rate(const char *text)
{
    const struct chaos__span span = { text, strlen(text) };
    char written[CHAOS__RATE_TEXT_MAX];
    libxl_device_nic nic;
    uint64_t bytes;
    uint32_t interval_us;
    const char *why;
    int r;

    if (chaos__rate_parse(span, &bytes, &interval_us, &why)) {
        assert_same_rate(text, bytes, interval_us);
        chaos__rate_format(bytes, interval_us, written);
        assert_same_rate(written, bytes, interval_us);
        return true;
    }
    libxl_device_nic_init(&nic);
    errno = 0;
    r = xlu_vif_parse_rate(xl, text, &nic);
    if (r == 0 && !is_strange(text, nic.rate_bytes_per_interval))
        fail_msg("only xl accepts: %s: %s", text, why);
    libxl_device_nic_dispose(&nic);
    return false;
}

static void test_rates(void **state)
{
    size_t accepted = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(rates); i++)
        accepted += compare_rate(rates[i]);
    assert_true(accepted > 20);
    assert_true(COUNT(rates) - accepted > 20);
}

/* Numbers of all lengths, so that all bounds are near some of them. */
static uint32_t random_number(uint32_t *seed)
{
    return next_random(seed) >> below(seed, 32);
}

static void test_random_rates(void **state)
{
    static const char *const units[] = { "b",  "B",  "K",  "M",  "Kb", "KB",
                                         "Mb", "MB", "Gb", "GB", "" };
    static const char *const intervals[] = { "us", "ms", "s", "u", "m", "" };
    char text[INPUT_MAX];
    uint32_t seed = 20170823;
    size_t accepted = 0;

    (void)state;
    for (size_t i = 0; i < MUTATIONS; i++) {
        const char *unit = units[below(&seed, COUNT(units))];
        const char *interval = intervals[below(&seed, COUNT(intervals))];

        if (below(&seed, 4))
            snprintf(text, sizeof(text), "%" PRIu32 "%s/s@%" PRIu32 "%s",
                     random_number(&seed), unit, random_number(&seed),
                     interval);
        else
            snprintf(text, sizeof(text), "%" PRIu32 "%s/s",
                     random_number(&seed), unit);
        accepted += compare_rate(text);
    }
    assert_true(accepted > MUTATIONS / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disks),
        cmocka_unit_test(test_random_disks),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_random_rates),
    };

    return cmocka_run_group_tests_name("config_oracle_devices", tests, setup,
                                       teardown);
}
