/* SPDX-License-Identifier: MIT */
/* Flavors: what of a configuration a shell fixes, and files that say no more
 * than that. */
#include "support.h"

#include "pool/flavor.h"

#include <chaos/pool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *directory;
static int rubbish;

static int setup(void **state)
{
    (void)state;
    directory = support_directory();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    support_remove_directory(directory);
    return 0;
}

static int try_load(const char *text, struct chaos_config **config_r,
                    struct chaos_error *err)
{
    char *path = support_path(directory, "flavor.cfg");
    int rc;

    support_write_file(path, text, strlen(text));
    rc = chaos_flavor_load(NULL, path, config_r, err);
    free(path);
    return rc;
}

static struct chaos_config *load(const char *text)
{
    struct chaos_config *config = NULL;
    struct chaos_error err;

    if (try_load(text, &config, &err) < 0)
        fail_msg("%s: %s", text, err.message);
    return config;
}

static struct chaos__flavor flavor_of(const char *text, bool noxs)
{
    struct chaos_config *config = load(text);
    struct chaos__flavor flavor;
    const char *why;

    memset(&flavor, ++rubbish, sizeof(flavor)); /* none of it may stay */
    why = chaos__flavor_of(config, noxs, &flavor);
    if (why)
        fail_msg("%s: %s", text, why);
    chaos_config_free(config);
    return flavor;
}

#define VIF "'bridge=xenbr1,mtu=1400,rate=1MB/s@20ms'"
#define DISK "'vdev=xvda,access=rw'"
#define BASE                                                                   \
    "type=\"pvh\"\nmemory=8\nmaxmem=16\nvcpus=2\nmax_grant_frames=4\n"         \
    "max_event_channels=100\nvif=[" VIF "]\ndisk=[" DISK "]\n"
/* What also a guest that speaks to XenStore can have a shell for. */
#define READ_ONLY "memory=8\nvif=[" VIF "]\ndisk=['vdev=xvda,access=ro']\n"

/* Of the base. */
struct change {
    const char *from, *to;
};

static void change_base(const struct change *change, char *text, size_t size)
{
    const char *at = strstr(BASE, change->from);

    assert_non_null(at);
    snprintf(text, size, "%.*s%s%s", (int)(at - BASE), BASE, change->to,
             at + strlen(change->from));
}

static bool same(const struct chaos__flavor *a, const struct chaos__flavor *b)
{
    uint8_t one[CHAOS__FLAVOR_SIZE], other[CHAOS__FLAVOR_SIZE];

    chaos__flavor_pack(a, one);
    chaos__flavor_pack(b, other);
    return memcmp(one, other, sizeof(one)) == 0;
}

/* ------------------------------------------------------------------ tests */

static const struct change different[] = {
    { "\"pvh\"", "\"pv\"" },
    { "memory=8", "memory=9" },
    { "maxmem=16", "maxmem=17" },
    { "maxmem=16\n", "" },
    { "vcpus=2", "vcpus=1" },
    { "max_grant_frames=4", "max_grant_frames=5" },
    { "max_grant_frames=4\n", "" },
    { "max_event_channels=100", "max_event_channels=101" },
    { "max_event_channels=100\n", "" },
    { "xenbr1", "xenbr2" },
    { "bridge=xenbr1,", "" },
    { "mtu=1400", "mtu=1401" },
    { ",mtu=1400", "" },
    { "1MB/s", "2MB/s" },
    { "@20ms", "@21ms" },
    { ",rate=1MB/s@20ms", "" },
    { "[" VIF "]", "[]" },
    { "[" VIF "]", "[" VIF "," VIF "]" },
    { "xvda", "xvdb" },
    { "rw", "ro" },
    { DISK, "'devtype=cdrom,vdev=xvda,target=/image'" },
    { "[" DISK "]", "[]" },
    { "[" DISK "]", "[" DISK ",'vdev=xvdb,access=rw']" },
};

static void what_a_shell_fixes_differs(void **state)
{
    struct chaos__flavor base = flavor_of(BASE, true), other;
    char text[1024];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(different) / sizeof(different[0]); i++) {
        change_base(&different[i], text, sizeof(text));
        other = flavor_of(text, true);
        if (same(&base, &other))
            fail_msg("\"%s\" and \"%s\" are of one flavor", different[i].from,
                     different[i].to);
    }
    base = flavor_of(READ_ONLY, true);
    other = flavor_of(READ_ONLY, false);
    assert_false(same(&base, &other));
}

/* The first interface of one is the second of the other. */
static void order_counts(void **state)
{
    struct chaos__flavor one = flavor_of(
        "memory=4\nvif=['bridge=a','bridge=b']\ndisk=['vdev=xvda,access=rw',"
        "'vdev=xvdb,access=ro']\n",
        true);
    struct chaos__flavor other = flavor_of(
        "memory=4\nvif=['bridge=b','bridge=a']\ndisk=['vdev=xvda,access=rw',"
        "'vdev=xvdb,access=ro']\n",
        true);
    struct chaos__flavor third = flavor_of(
        "memory=4\nvif=['bridge=a','bridge=b']\ndisk=['vdev=xvdb,access=ro',"
        "'vdev=xvda,access=rw']\n",
        true);

    (void)state;
    assert_false(same(&one, &other));
    assert_false(same(&one, &third));
}

/* What is the guest's alone. */
static const struct change equal[] = {
    { "type", "name=\"web\"\ntype" },
    { "type", "kernel=\"/kernel\"\ntype" },
    { "type", "ramdisk=\"/ramdisk\"\ntype" },
    { "type", "cmdline=\"quiet\"\ntype" },
    { "type", "uuid=\"11111111-2222-3333-4444-555555555555\"\ntype" },
    { "type", "cpus=\"0-1\"\ntype" },
    { "type", "on_poweroff=\"preserve\"\non_reboot=\"destroy\"\n"
              "on_crash=\"restart\"\ntype" },
    { "bridge", "mac=00:16:3e:01:02:03,bridge" },
    { "bridge", "ip=10.1.2.3/16,gw=10.1.0.1,bridge" },
    { "access=rw", "access=rw,target=/disk" },
    { "access=rw", "access=w!" },
};

static void what_is_the_guests_does_not(void **state)
{
    struct chaos__flavor base = flavor_of(BASE, true), other;
    char text[1024];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(equal) / sizeof(equal[0]); i++) {
        change_base(&equal[i], text, sizeof(text));
        other = flavor_of(text, true);
        if (!same(&base, &other))
            fail_msg("\"%s\" makes another flavor", equal[i].to);
    }
}

/* What is said and what holds without being said. */
static void defaults_are_the_same(void **state)
{
    struct chaos__flavor one = flavor_of("memory=4\nvif=['']\n", true);
    struct chaos__flavor other = flavor_of(
        "type=\"pv\"\nmemory=4\nmaxmem=4\nvcpus=1\nvif=['bridge=xenbr0']\n",
        true);

    (void)state;
    assert_true(same(&one, &other));
}

static void a_name_for_its_interface_is_refused(void **state)
{
    struct chaos_config *config =
        load("memory=4\nvif=['','vifname=web,bridge=xenbr0']\n");
    struct chaos__flavor flavor;
    const char *why = chaos__flavor_of(config, true, &flavor);

    (void)state;
    assert_non_null(why);
    assert_non_null(strstr(why, "vifname="));
    chaos_config_free(config);
}

static void a_number_of_its_own_is_refused(void **state)
{
    struct chaos_config *config = load("memory=4\nvif=['devid=1','devid=0']\n");
    struct chaos__flavor flavor;
    const char *why = chaos__flavor_of(config, true, &flavor);

    (void)state;
    assert_non_null(why);
    assert_non_null(strstr(why, "devid="));
    chaos_config_free(config);
}

static void a_program_for_its_guest_is_refused(void **state)
{
    struct chaos_config *config =
        load("memory=4\np9=['tag=a,path=/a,security_model=none']\n");
    struct chaos__flavor flavor;
    const char *why = chaos__flavor_of(config, false, &flavor);

    (void)state;
    assert_non_null(why);
    assert_non_null(strstr(why, "p9="));
    chaos_config_free(config);
}

/* A shell is made from this: it must say the same. */
static void config_is_of_the_flavor(const char *text, bool noxs)
{
    struct chaos__flavor flavor = flavor_of(text, noxs), again;
    struct chaos_config *config = chaos__flavor_config(&flavor);
    unsigned i;

    assert_non_null(config);
    memset(&again, 0xa5, sizeof(again));
    assert_null(chaos__flavor_of(config, noxs, &again));
    assert_true(same(&flavor, &again));
    assert_null(config->name);
    assert_null(config->kernel);
    for (i = 0; i < config->disk_count; i++)
        assert_null(config->disks[i].target);
    for (i = 0; i < config->vif_count; i++)
        assert_false(config->vifs[i].has_mac);
    chaos_config_free(config);
}

static void config_and_back(void **state)
{
    char text[2048] = "memory=4\nvif=[";
    unsigned i;

    (void)state;
    config_is_of_the_flavor(BASE, true);
    config_is_of_the_flavor(READ_ONLY, false);
    config_is_of_the_flavor("memory=1\n", true);
    for (i = 0; i < CHAOS__VIFS_MAX; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text),
                 "'bridge=fifteen-bytes-%x',", i);
    strcat(text, "]\ndisk=[");
    for (i = 0; i < CHAOS__DISKS_MAX; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text),
                 "'vdev=xvd%c,access=r%c',", 'a' + (int)i, i % 2 ? 'w' : 'o');
    strcat(text, "]\n");
    config_is_of_the_flavor(text, true);
}

static void packs_and_unpacks(void **state)
{
    struct chaos__flavor flavor = flavor_of(BASE, true), again;
    uint8_t bytes[CHAOS__FLAVOR_SIZE];
    size_t i;

    (void)state;
    memset(bytes, 0xa5, sizeof(bytes));
    chaos__flavor_pack(&flavor, bytes);
    chaos__flavor_unpack(bytes, &again);
    assert_true(same(&flavor, &again));
    for (i = sizeof(flavor); i < sizeof(bytes); i++)
        assert_int_equal(bytes[i], 0);
}

static void assert_named(const char *text, const char *start)
{
    struct chaos__flavor flavor = flavor_of(text, true);
    char name[CHAOS__POOL_NAME_SIZE];
    size_t length = strlen(start);

    chaos__flavor_name(&flavor, name);
    if (strncmp(name, start, length) != 0)
        fail_msg("%s, not %s", name, start);
    assert_int_equal(strlen(name), length + 8);
    assert_int_equal(strspn(name + length, "0123456789abcdef"), 8);
}

static void names(void **state)
{
    struct chaos__flavor flavor = flavor_of(BASE, true), other;
    char name[CHAOS__POOL_NAME_SIZE], changed[CHAOS__POOL_NAME_SIZE];

    (void)state;
    assert_named("type=\"pvh\"\nmemory=4\n", "pvh-4m-");
    assert_named("memory=128\n", "pv-128m-");
    assert_named(BASE, "pvh-8m-1vif-1vbd-");
    assert_named("memory=4\ndisk=[" DISK "]\n", "pv-4m-1vbd-");
    assert_named("memory=4\nvif=['','']\n", "pv-4m-2vif-");
    /* What does not stand in it changes its last part. */
    other = flavor;
    other.vifs[0].bridge[0] ^= 1;
    chaos__flavor_name(&flavor, name);
    chaos__flavor_name(&other, changed);
    assert_string_not_equal(name, changed);
    chaos__flavor_name(&flavor, changed);
    assert_string_equal(name, changed);
}

/* ------------------------------------------------------------------ files */

/* A guest needs what a flavor can do without. */
static void files_are_no_guests(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "memory=4\n", "name" },
        { "memory=4\nname=\"g\"\n", "kernel" },
        { "memory=4\nname=\"g\"\nkernel=\"/k\"\ndisk=[" DISK "]\n", "disk" },
        { "name=\"g\"\nkernel=\"/k\"\ndisk=['/d,raw,xvdb,rw'," DISK "]\n",
          "disk" },
    };
    struct chaos_config *config;
    struct chaos_error err;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        config = load(cases[i].text);
        memset(&err, 0, sizeof(err));
        assert_int_equal(chaos_config_check(config, &err), CHAOS_EINVAL);
        if (!strstr(err.message, cases[i].says) ||
            !strstr(err.message, "flavor.cfg"))
            fail_msg("%s: \"%s\" does not name %s", cases[i].text, err.message,
                     cases[i].says);
        chaos_config_free(config);
    }
}

static void files_may_say_everything(void **state)
{
    struct chaos_config *config =
        load("name=\"g\"\nkernel=\"/k\"\nmemory=4\ndisk=['/d,raw,xvda,rw']\n");

    (void)state;
    assert_int_equal(chaos_config_check(config, NULL), 0);
    assert_string_equal(config->disks[0].target, "/d");
    chaos_config_free(config);
}

/* The same text is no configuration of a guest. */
static void guests_disks_need_targets(void **state)
{
    struct chaos_config *config;
    struct chaos_error err;

    (void)state;
    assert_int_equal(
        chaos_config_parse(NULL, "disk=[" DISK "]\n", "g.cfg", &config, &err),
        CHAOS_EINVAL);
    assert_non_null(strstr(err.message, "no target"));
}

static void files_that_are_none(void **state)
{
    struct chaos_config *config;
    struct chaos_error err;

    (void)state;
    assert_int_equal(chaos_flavor_load(NULL, "/no/such/file", &config, &err),
                     CHAOS_EFAILED);
    assert_non_null(strstr(err.message, "/no/such/file"));
    assert_int_equal(try_load("memory=[\n", &config, &err), CHAOS_EINVAL);
    assert_int_equal(try_load("disk=['access=rw']\n", &config, &err),
                     CHAOS_EINVAL); /* of which name? */
    assert_non_null(strstr(err.message, "vdev"));
    assert_int_equal(
        try_load("disk=['devtype=cdrom,vdev=xvda']\n", &config, &err),
        CHAOS_ENOTSUP);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_a_shell_fixes_differs),
        TEST(order_counts),
        TEST(what_is_the_guests_does_not),
        TEST(defaults_are_the_same),
        TEST(a_name_for_its_interface_is_refused),
        TEST(a_program_for_its_guest_is_refused),
        TEST(a_number_of_its_own_is_refused),
        TEST(config_and_back),
        TEST(packs_and_unpacks),
        TEST(names),
        TEST(files_are_no_guests),
        TEST(files_may_say_everything),
        TEST(guests_disks_need_targets),
        TEST(files_that_are_none),
    };

    return cmocka_run_group_tests_name("flavor", tests, NULL, NULL);
}
