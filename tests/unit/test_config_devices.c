/* SPDX-License-Identifier: MIT */
/* vif=[...] and disk=[...]: what they set, what is refused and how, and the
 * way back to text.  What xl makes of them is in test_config_oracle_devices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/rate.h"
#include "config/vdev.h"
#include "context.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The context of all tests, and what it has logged since the test began. */
static struct chaos *chaos;
static char logged[4096];

static void log_line(void *user, enum chaos_log_level level,
                     const char *message)
{
    const size_t used = strlen(logged);

    (void)user;
    assert_int_equal(level, CHAOS_LOG_WARNING);
    snprintf(logged + used, sizeof(logged) - used, "%s\n", message);
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
    return 0;
}

static struct chaos_config *parsed(const char *text)
{
    struct chaos_config *config = NULL;
    struct chaos_error err = { 0 };

    if (chaos_config_parse(chaos, text, "guest.cfg", &config, &err) < 0)
        fail_msg("%s: %s", text, err.message);
    return config;
}

/* key=["item"] */
static struct chaos_config *parsed_item(const char *key, const char *item)
{
    char text[512];

    snprintf(text, sizeof(text), "%s=[\"%s\"]", key, item);
    return parsed(text);
}

static void assert_refused(const char *text, int code, const char *message)
{
    struct chaos_config *config = NULL;
    struct chaos_error err = { 0 };
    int rc = chaos_config_parse(chaos, text, "guest.cfg", &config, &err);

    if (rc == 0)
        fail_msg("accepted: %s", text);
    assert_string_equal(err.message, message);
    assert_int_equal(rc, code);
    assert_int_equal(err.code, code);
}

/* What the message says after 'guest.cfg:1:N: key="item": '. */
static void assert_item_refused(const char *key, const char *item, int code,
                                const char *what)
{
    char text[512], message[1024];

    snprintf(text, sizeof(text), "%s=[\"%s\"]", key, item);
    snprintf(message, sizeof(message), "guest.cfg:1:%zu: %s=\"%s\": %s",
             strlen(key) + 3, key, item, what);
    assert_refused(text, code, message);
}

/* ------------------------------------------------------------ interfaces */

static void test_vif_defaults(void **state)
{
    struct chaos_config *config = parsed("vif=['']");
    const struct chaos__vif *vif = config->vifs;
    static const uint8_t none[6];

    (void)state;
    assert_int_equal(config->vif_count, 1);
    assert_false(vif->has_mac);
    assert_memory_equal(vif->mac, none, 6);
    assert_string_equal(vif->bridge, "xenbr0");
    assert_string_equal(vif->name, "");
    assert_memory_equal(vif->ipv4, none, 4);
    assert_int_equal(vif->prefix, 24);
    assert_memory_equal(vif->gateway, none, 4);
    assert_int_equal(vif->mtu, 0);
    assert_int_equal(vif->rate_bytes, 0);
    assert_int_equal(vif->rate_interval_us, 0);
    chaos_config_free(config);
}

static void test_vif_all(void **state)
{
    static const uint8_t mac[6] = { 0x00, 0x16, 0x3e, 0xab, 0xcd, 0xef };
    static const uint8_t ip[4] = { 10, 1, 2, 3 }, gw[4] = { 10, 1, 0, 1 };
    struct chaos_config *config =
        parsed("vif=['gw=10.1.0.1,mac=00:16:3E:aB:cd:EF, bridge=br-lan.1,,"
               "ip=10.1.2.3/16,vifname=web0,mtu=1400,rate=1MB/s@20ms,"
               "type=vif,script=vif-bridge,backend=Domain-0,trusted,devid=0,',"
               "'bridge=a=b']");
    const struct chaos__vif *vif = config->vifs;

    (void)state;
    assert_int_equal(config->vif_count, 2);
    assert_true(vif->has_mac);
    assert_memory_equal(vif->mac, mac, 6);
    assert_string_equal(vif->bridge, "br-lan.1");
    assert_string_equal(vif->name, "web0");
    assert_memory_equal(vif->ipv4, ip, 4);
    assert_int_equal(vif->prefix, 16);
    assert_memory_equal(vif->gateway, gw, 4);
    assert_int_equal(vif->mtu, 1400);
    assert_int_equal(vif->rate_bytes, 20000);
    assert_int_equal(vif->rate_interval_us, 20000);
    assert_string_equal(vif[1].bridge, "a=b");
    assert_false(vif[1].has_mac);
    chaos_config_free(config);
}

static void test_vif_ignored(void **state)
{
    struct chaos_config *config =
        parsed("vif=['model=e1000,accel=1',\n'bridge=br0']");

    (void)state;
    assert_int_equal(config->vif_count, 2);
    assert_string_equal(
        logged, "guest.cfg:1:6: vif=\"model=e1000,accel=1\": model=e1000: "
                "ignored: remove it. Only HVM guests have emulated interfaces\n"
                "guest.cfg:1:6: vif=\"model=e1000,accel=1\": accel=1: ignored: "
                "remove it. xl has no use for it either\n");
    chaos_config_free(config);
}

static void test_vif_refused(void **state)
{
#define NO_MAC "not a MAC address: write it like 00:16:3e:12:34:56"
#define NO_NAME                                                                \
    "not a name for an interface: write 1 to 15 bytes without blanks, /, : "   \
    "and %"
#define NO_IP "not an IP address: write it like 10.0.0.2 or 10.0.0.2/24"
#define NO_MTU "not a number from 68 to 65517: write one of these"
#define NO_RATE "not a rate: write it like 10Mb/s, 250KB/s or 1MB/s@20ms"
#define NO_INTERVAL                                                            \
    "not an interval: write it like 20ms or 500us, up to an hour"
    static const struct {
        const char *item;
        int code;
        const char *what;
    } cases[] = {
        { "mac=zz", CHAOS_EINVAL, "mac=zz: " NO_MAC },
        { "mac=", CHAOS_EINVAL, "mac=: " NO_MAC },
        { "mac", CHAOS_EINVAL, "mac: needs a value: write mac=..." },
        { "mac=00:16:3e:00:00", CHAOS_EINVAL, "mac=00:16:3e:00:00: " NO_MAC },
        { "mac=00:16:3e:00:00:0g", CHAOS_EINVAL,
          "mac=00:16:3e:00:00:0g: " NO_MAC },
        { "mac=00:16:3e:00:00-01", CHAOS_EINVAL,
          "mac=00:16:3e:00:00-01: " NO_MAC },
        { "mac=00:16:3e:00:00:011", CHAOS_EINVAL,
          "mac=00:16:3e:00:00:011: " NO_MAC },
        { "mac=00:00:00:00:00:00", CHAOS_EINVAL,
          "mac=00:00:00:00:00:00: no interface can have this address: remove "
          "it and one is made up" },
        { "mac=01:16:3e:00:00:01", CHAOS_EINVAL,
          "mac=01:16:3e:00:00:01: a multicast address, which no interface can "
          "have: make the first byte even" },
        { "mac=ff:ff:ff:ff:ff:ff", CHAOS_EINVAL,
          "mac=ff:ff:ff:ff:ff:ff: a multicast address, which no interface can "
          "have: make the first byte even" },
        { "mac=00:16:3e:00:00:01,mac=00:16:3e:00:00:01", CHAOS_EINVAL,
          "mac=00:16:3e:00:00:01: mac is there twice: remove one" },
        { "bridge=", CHAOS_EINVAL, "bridge=: " NO_NAME },
        { "bridge=sixteen-letters-", CHAOS_EINVAL,
          "bridge=sixteen-letters-: " NO_NAME },
        { "bridge=a b", CHAOS_EINVAL, "bridge=a b: " NO_NAME },
        { "bridge=..", CHAOS_EINVAL, "bridge=..: " NO_NAME },
        { "vifname=a/b", CHAOS_EINVAL, "vifname=a/b: " NO_NAME },
        { "vifname=eth0:1", CHAOS_EINVAL, "vifname=eth0:1: " NO_NAME },
        { "vifname=web%d", CHAOS_EINVAL, "vifname=web%d: " NO_NAME },
        { "ip=", CHAOS_EINVAL, "ip=: " NO_IP },
        { "ip=10.0.0", CHAOS_EINVAL, "ip=10.0.0: " NO_IP },
        { "ip=10.0.0.", CHAOS_EINVAL, "ip=10.0.0.: " NO_IP },
        { "ip=10.0.0.256", CHAOS_EINVAL, "ip=10.0.0.256: " NO_IP },
        { "ip=10.0.0.02", CHAOS_EINVAL, "ip=10.0.0.02: " NO_IP },
        { "ip=10.0.0.2.1", CHAOS_EINVAL, "ip=10.0.0.2.1: " NO_IP },
        { "ip=10.0.0.2 10.0.0", CHAOS_EINVAL, "ip=10.0.0.2 10.0.0: " NO_IP },
        { "ip=fe80::1::2", CHAOS_EINVAL, "ip=fe80::1::2: " NO_IP },
        { "ip=fe80::1/129", CHAOS_EINVAL, "ip=fe80::1/129: " NO_IP },
        { "ip=10.0.0.2/", CHAOS_EINVAL, "ip=10.0.0.2/: " NO_IP },
        { "ip=10.0.0.2/0", CHAOS_EINVAL, "ip=10.0.0.2/0: " NO_IP },
        { "ip=10.0.0.2/33", CHAOS_EINVAL, "ip=10.0.0.2/33: " NO_IP },
        { "ip=10.0.0.2/24x", CHAOS_EINVAL, "ip=10.0.0.2/24x: " NO_IP },
        { "ip=10.0.0.0,gw=10.0.0.1", CHAOS_EINVAL,
          "gw=10.0.0.1: ip=10.0.0.0: the address of the network itself: choose "
          "one above it" },
        { "ip=fe80::1,gw=10.0.0.1", CHAOS_EINVAL,
          "gw=10.0.0.1: ip=fe80::1: an IPv6 address: write an IPv4 address" },
        { "gw=10.0.0.1", CHAOS_EINVAL,
          "gw=10.0.0.1: of no use without an address: add ip=..." },
        { "gw=0.0.0.0", CHAOS_EINVAL,
          "gw=0.0.0.0: of no use without an address: add ip=..." },
        { "gw=10.0.0.1/24,ip=10.0.0.2", CHAOS_EINVAL,
          "gw=10.0.0.1/24: not an IPv4 address: write it like 10.0.0.1" },
        { "gw=10.0.1.1,ip=10.0.0.2", CHAOS_EINVAL,
          "gw=10.0.1.1: not in the guest's network: choose an address there or "
          "change the prefix of ip" },
        { "ip=10.0.0.2,gw=10.0.0.2,mtu=68", CHAOS_EINVAL,
          "gw=10.0.0.2: the guest's own address: choose another" },
        { "ip=10.0.0.2,gw=10.0.0.255", CHAOS_EINVAL,
          "gw=10.0.0.255: the broadcast address of its network: choose one "
          "below it" },
        { "ip=10.0.0.2/32,gw=10.0.0.1", CHAOS_EINVAL,
          "gw=10.0.0.1: not in the guest's network: choose an address there or "
          "change the prefix of ip" },
        { "gateway=10.0.0.1", CHAOS_ENOTSUP,
          "gateway=10.0.0.1: not supported: write gw= instead" },
        { "mtu=67", CHAOS_EINVAL, "mtu=67: " NO_MTU },
        { "mtu=1501", CHAOS_ENOTSUP,
          "mtu=1501: packets of more than 1500 bytes are not supported: set "
          "that or less" },
        { "mtu=65518", CHAOS_EINVAL, "mtu=65518: " NO_MTU },
        { "mtu=0x600", CHAOS_EINVAL, "mtu=0x600: " NO_MTU },
        { "mtu=", CHAOS_EINVAL, "mtu=: " NO_MTU },
        { "rate=10", CHAOS_EINVAL, "rate=10: " NO_RATE },
        { "rate=4294967296B/s", CHAOS_EINVAL, "rate=4294967296B/s: " NO_RATE },
        { "rate=10Mb/s@", CHAOS_EINVAL, "rate=10Mb/s@: " NO_INTERVAL },
        { "rate=10Mb/s@0s", CHAOS_EINVAL, "rate=10Mb/s@0s: " NO_INTERVAL },
        { "rate=10Mb/s@4295s", CHAOS_EINVAL,
          "rate=10Mb/s@4295s: " NO_INTERVAL },
        { "rate=19B/s", CHAOS_EINVAL,
          "rate=19B/s: too low: not a byte in each interval: raise it" },
        { "rate=4294967295GB/s", CHAOS_EINVAL,
          "rate=4294967295GB/s: too high: lower it, or remove it for no "
          "limit" },
        { "type=ioemu", CHAOS_ENOTSUP,
          "type=ioemu: only HVM guests have emulated interfaces: remove it" },
        { "type=x", CHAOS_EINVAL, "type=x: no such type: remove it" },
        { "script=", CHAOS_EINVAL,
          "script=: no script is named: name one in /etc/xen/scripts/ or "
          "remove it" },
        { "backend=net", CHAOS_ENOTSUP,
          "backend=net: devices come from dom0 alone: remove it" },
        { "gatewaydev=eth0", CHAOS_ENOTSUP,
          "gatewaydev=eth0: not supported: chaos knows bridges alone. Add "
          "script=vif-route, or remove it and name one with bridge=" },
        { "gatewaydev=a/b,script=vif-route", CHAOS_EINVAL,
          "gatewaydev=a/b: " NO_NAME },
        { "script=vif-openvswitch,bridge=", CHAOS_EINVAL, "bridge=: " NO_NAME },
        { "script=vif-openvswitch,bridge=ovsbr0.100:20000", CHAOS_ENOTSUP,
          "bridge=ovsbr0.100:20000: longer than 15 bytes: shorten it" },
        { "devid=65536", CHAOS_EINVAL,
          "devid=65536: not a number from 0 to 65535: write one of these, or "
          "remove it" },
        { "devid=x", CHAOS_EINVAL,
          "devid=x: not a number from 0 to 65535: write one of these, or "
          "remove it" },
        { "untrusted", CHAOS_ENOTSUP,
          "untrusted: not supported: a guest of chaos cannot be told so. "
          "Remove it" },
        { "trusted=1", CHAOS_EINVAL,
          "trusted=1: takes no value: write trusted alone" },
        { "colo_compare_out=x", CHAOS_ENOTSUP,
          "colo_compare_out=x: not supported: chaos has no COLO. Remove it" },
        { "mac=00:16:3e:00:00:01,bride=br0", CHAOS_EINVAL,
          "bride=br0: unknown: did you mean bridge? If not, remove it" },
        { "xy=1", CHAOS_EINVAL,
          "xy=1: unknown: remove it; chaos.cfg(5) lists those that exist" },
        { "=1", CHAOS_EINVAL,
          "=1: unknown: remove it; chaos.cfg(5) lists those that exist" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_item_refused("vif", cases[i].item, cases[i].code, cases[i].what);
}

/* Addresses at the edges of what a network has. */
static void test_vif_addresses(void **state)
{
    static const char *const items[] = {
        "ip=1.0.0.1,gw=1.0.0.254",
        "ip=223.255.255.254,gw=223.255.255.1",
        "ip=10.0.1.0/23,gw=10.0.0.255",
        "ip=10.0.0.2/31,gw=10.0.0.3",
        "ip=10.0.0.1/30,gw=10.0.0.2",
        "ip=10.0.0.0/32",
        "ip=100.255.255.255/1,gw=1.0.0.0",
        "ip=192.168.1.2/29,gw=192.168.1.6",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(items); i++)
        chaos_config_free(parsed_item("vif", items[i]));
}

/* What a guest can't be told scripts may be told. */
static void test_vif_addresses_for_scripts(void **state)
{
    static const struct {
        const char *ip, *why;
    } cases[] = {
        { "10.0.0.2 10.0.0.3", "several addresses: write one" },
        { "10.0.0.2 fe80::1/64", "several addresses: write one" },
        { "fe80::1", "an IPv6 address: write an IPv4 address" },
        { "10.0.0.0", "the address of the network itself: choose one above "
                      "it" },
        { "10.0.0.255", "the broadcast address of its network: choose one "
                        "below it" },
        { "10.0.0.7/29", "the broadcast address of its network: choose one "
                         "below it" },
        { "10.0.0.4/30", "the address of the network itself: choose one above "
                         "it" },
        { "224.0.0.1", "a multicast address: choose another" },
        { "0.0.0.0", "a reserved address: choose another" },
        { "127.0.0.1", "a reserved address: choose another" },
        { "255.255.255.255/31", "a reserved address: choose another" },
        { "10.0.0.2/25", NULL },
    };
    struct chaos_config *config;
    char item[64];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(item, sizeof(item), "ip=%s", cases[i].ip);
        config = parsed_item("vif", item);
        assert_string_equal(config->vifs[0].ip, cases[i].ip);
        assert_int_equal(config->vifs[0].ipv4[0], cases[i].why ? 0 : 10);
        if (cases[i].why)
            assert_string_equal(config->vifs[0].why_no_ipv4, cases[i].why);
        else
            assert_null(config->vifs[0].why_no_ipv4);
        chaos_config_free(config);
    }
}

static void test_rates(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
        uint32_t interval_us;
        const char *written;
    } cases[] = {
        { "10Mb/s", 62500, 50000, "10Mb/s@50000us" },
        { "250KB/s", 12500, 50000, "2Mb/s@50000us" },
        { "1MB/s@20ms", 20000, 20000, "1MB/s@20000us" },
        { "1GB/s@2", 2000000000, 2000000, "1GB/s@2000000us" },
        { "7KB/s@1s", 7000, 1000000, "7KB/s@1000000us" },
        { "7Kb/s@1s", 875, 1000000, "7Kb/s@1000000us" },
        { "71b/s@1s", 8, 1000000, "8B/s@1000000us" },
        { "20B/s", 1, 50000, "20B/s@50000us" },
    };
    char text[CHAOS__RATE_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct chaos__span span = { cases[i].text,
                                          strlen(cases[i].text) };
        uint64_t bytes = 0;
        uint32_t interval_us = 0;
        const char *why;

        assert_true(chaos__rate_parse(span, &bytes, &interval_us, &why));
        assert_int_equal(bytes, cases[i].bytes);
        assert_int_equal(interval_us, cases[i].interval_us);
        chaos__rate_format(bytes, interval_us, text);
        assert_string_equal(text, cases[i].written);
    }
}

/* ----------------------------------------------------------------- disks */

static void test_disk_fields(void **state)
{
    static const struct {
        const char *item;
        const char *target;
        const char *vdev;
        uint32_t number;
        enum chaos__disk_access access;
        bool is_cdrom;
    } cases[] = {
        { "/dev/vg/web,raw,xvda,rw", "/dev/vg/web", "xvda", 51712,
          CHAOS__DISK_WRITE, false },
        { "web.img,,xvdb1,ro", "web.img", "xvdb1", 51729, CHAOS__DISK_READ_ONLY,
          false },
        { "file:/a,sda,w!", "/a", "sda", 2048, CHAOS__DISK_SHARED_WRITE,
          false },
        { "phy:/a,hdc:cdrom,w", "/a", "hdc", 5632, CHAOS__DISK_READ_ONLY,
          true },
        { "tap:aio:raw:/a,d1p2,r", "/a", "d1p2", 51730, CHAOS__DISK_READ_ONLY,
          false },
        { "access=rw!, vdev=xvda, discard, backendtype=phy, trusted, "
          "backend=0, specification=xen, script=block, no-colo, "
          "target= /a,b=c:d",
          " /a,b=c:d", "xvda", 51712, CHAOS__DISK_SHARED_WRITE, false },
        { "vdev=xvda,target=/a,,", "/a,", "xvda", 51712, CHAOS__DISK_WRITE,
          false },
        { ",,xvda,target=/a", "/a", "xvda", 51712, CHAOS__DISK_WRITE, false },
        { "cdrom,/a,,xvdd", "/a", "xvdd", 51760, CHAOS__DISK_READ_ONLY, true },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct chaos_config *config = parsed_item("disk", cases[i].item);
        const struct chaos__disk *disk = config->disks;

        assert_int_equal(config->disk_count, 1);
        assert_string_equal(disk->target, cases[i].target);
        assert_string_equal(disk->vdev, cases[i].vdev);
        assert_int_equal(disk->vdev_number, cases[i].number);
        assert_int_equal(disk->access, cases[i].access);
        assert_int_equal(disk->is_cdrom, cases[i].is_cdrom);
        chaos_config_free(config);
    }
    assert_string_equal(logged, "");
}

static void test_disk_ignored(void **state)
{
    struct chaos_config *config =
        parsed_item("disk", "/a,,xvda,direct-io-safe");

    (void)state;
    assert_string_equal(logged,
                        "guest.cfg:1:7: disk=\"/a,,xvda,direct-io-safe\": "
                        "direct-io-safe: ignored: remove it. Only QEMU's back "
                        "end needs to know\n");
    chaos_config_free(config);
}

/* xen-vbd-interface(7) */
static void test_vdevs(void **state)
{
    static const struct {
        const char *name;
        uint32_t number; /* 0: there is none */
    } cases[] = {
        { "xvda", 202u << 8 },
        { "xvda1", 202u << 8 | 1 },
        { "xvda15", 202u << 8 | 15 },
        { "xvda16", 1u << 28 | 16 },
        { "xvda255", 1u << 28 | 255 },
        { "xvda256", 0 },
        { "xvdp", 202u << 8 | 15 << 4 },
        { "xvdp15", 202u << 8 | 15 << 4 | 15 },
        { "xvdq", 1u << 28 | 16 << 8 },
        { "xvdz", 1u << 28 | 25 << 8 },
        { "xvdaa", 1u << 28 | 26 << 8 },
        { "xvdtq37", 1u << 28 | 536 << 8 | 37 },
        { "xvdzz", 1u << 28 | 701 << 8 },
        { "xvdaaa", 1u << 28 | 702 << 8 },
        { "xvdbgqcv", 1u << 28 | 0xfffff << 8 },
        { "xvdbgqcw", 0 },
        { "xvdzzzzzzzzzzzzzzzzzzzz", 0 },
        { "d0", 202u << 8 },
        { "d0p0", 202u << 8 },
        { "d1p2", 202u << 8 | 1 << 4 | 2 },
        { "d536p37", 1u << 28 | 536 << 8 | 37 },
        { "d1048575p255", 1u << 28 | 0xfffff << 8 | 255 },
        { "d1048576p0", 0 },
        { "d0p256", 0 },
        { "d00", 0 },
        { "d0p", 0 },
        { "d", 0 },
        { "dp1", 0 },
        { "sda", 8u << 8 },
        { "sdb3", 8u << 8 | 1 << 4 | 3 },
        { "sdp15", 8u << 8 | 15 << 4 | 15 },
        { "sdq", 0 },
        { "sda16", 0 },
        { "hda", 3u << 8 },
        { "hdb63", 3u << 8 | 1 << 6 | 63 },
        { "hdc2", 22u << 8 | 2 },
        { "hdd", 22u << 8 | 1 << 6 },
        { "hde", 0 },
        { "hda64", 0 },
        { "xvd", 0 },
        { "xvd1", 0 },
        { "xvda0", 0 },
        { "xvda01", 0 },
        { "xvda1x", 0 },
        { "xvda 1", 0 },
        { "xvdA", 0 },
        { "vda", 0 },
        { "51712", 51712 },
        { "0x1", 1 },
        { "0xca10", 51728 },
        { "0", 0 },
        { "0x", 0 },
        { "-1", 0 },
        { " 1", 0 },
        { "2147483648", 0 },
        { "1x", 0 },
        { "", 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct chaos__span name = { cases[i].name,
                                          strlen(cases[i].name) };
        uint32_t number = 0;

        if (chaos__vdev_parse(name, &number) != (cases[i].number > 0) ||
            number != cases[i].number)
            fail_msg("%s: %u", cases[i].name, number);
        assert_true(number == 0 || name.length < CHAOS__VDEV_MAX);
    }
}

static void test_disk_refused(void **state)
{
#define NO_VDEV                                                                \
    "no such virtual disk: name it xvda, xvdb and so on, with a number "       \
    "behind for a partition"
    static const struct {
        const char *item;
        int code;
        const char *what;
    } cases[] = {
        { "", CHAOS_EINVAL, "no target: name a block device or an image" },
        { ",,xvda", CHAOS_EINVAL,
          "no target: name a block device or an image" },
        { "vdev=xvda,target=", CHAOS_EINVAL,
          "no target: name a block device or an image" },
        { "/a", CHAOS_EINVAL, "no virtual disk is named: add vdev=xvda" },
        { "/a,,,w", CHAOS_EINVAL, "no virtual disk is named: add vdev=xvda" },
        { "target=/a,vdev=xvda", CHAOS_EINVAL,
          "no virtual disk is named: add vdev=xvda" },
        { "/a,,vda", CHAOS_EINVAL, "vda: " NO_VDEV },
        { "vdev=xvdA,/a", CHAOS_EINVAL, "vdev=xvdA: " NO_VDEV },
        { "/a,,xvdaaaaaaaaaaaaaaaaaaaaaaaaa", CHAOS_EINVAL,
          "xvdaaaaaaaaaaaaaaaaaaaaaaaaa: " NO_VDEV },
        { "/a,xvda,w", CHAOS_EINVAL,
          "xvda: no such format: use raw; the order is target, format, vdev, "
          "access" },
        { "/a,qcow2,xvda", CHAOS_ENOTSUP,
          "qcow2: format qcow2 is not supported: convert the image with "
          "qemu-img convert -O raw" },
        { "format=vhd,/a,xvda", CHAOS_ENOTSUP,
          "format=vhd: format vhd is not supported: convert the image with "
          "qemu-img convert -O raw" },
        { "tap:qcow:/a,xvda", CHAOS_ENOTSUP,
          "qcow:: format qcow is not supported: convert the image with "
          "qemu-img convert -O raw" },
        { "/a,,xvda,x", CHAOS_EINVAL, "x: no such access: use r, w or w!" },
        { "/a,,xvda,r!", CHAOS_ENOTSUP,
          "r!: not supported: use r, for a disk that nobody writes to, or w!" },
        { "/a,,xvda,w,w", CHAOS_EINVAL,
          "w: target, format, vdev and access are there already: remove it" },
        { "/a,,xvda,vdev=xvdb", CHAOS_EINVAL,
          "vdev=xvdb: vdev is there twice: remove one" },
        { "/a,,xvda,target=/b,c", CHAOS_EINVAL,
          "target=/b,c: target is there twice: remove one" },
        { "access=r,access=w,/a,,xvda", CHAOS_EINVAL,
          "access=w: access is there twice: remove one" },
        { "/a,,xvda:tape", CHAOS_EINVAL,
          "xvda:tape: no such type: use cdrom or disk" },
        { "devtype=tape,/a,,xvda", CHAOS_EINVAL,
          "devtype=tape: no such type: use cdrom or disk" },
        { ",hdc:cdrom,r", CHAOS_ENOTSUP,
          "an empty drive is not supported: name an image or remove the "
          "disk" },
        { "cdrom,vdev=hdc", CHAOS_ENOTSUP,
          "an empty drive is not supported: name an image or remove the "
          "disk" },
        { "/a,empty,xvda", CHAOS_ENOTSUP,
          "an empty drive is not supported: name an image or remove the "
          "disk" },
        { "backendtype=qdisk,/a,,xvda", CHAOS_ENOTSUP,
          "backendtype=qdisk: dom0's kernel is the only back end: remove it" },
        { "backendtype=tap,/a,,xvda", CHAOS_ENOTSUP,
          "backendtype=tap: dom0's kernel is the only back end: remove it" },
        { "specification=virtio,/a,,xvda", CHAOS_ENOTSUP,
          "specification=virtio: disks are Xen's own alone: remove it" },
        { "backend=storage,/a,,xvda", CHAOS_ENOTSUP,
          "backend=storage: devices come from dom0 alone: remove it" },
        { "script=,/a,,xvda", CHAOS_EINVAL,
          "script=: no script is named: name one in /etc/xen/scripts/ or "
          "remove it" },
        { "script=block-nbd,nbd:/a,xvda", CHAOS_EINVAL,
          "nbd:: script is there twice: remove one" },
        { "nbd:xvda", CHAOS_EINVAL, "no virtual disk is named: add vdev=xvda" },
        { "foo:/a,,xvda", CHAOS_EINVAL,
          "foo:: no such prefix: remove it, or write the path with target= at "
          "the end" },
        { "/a,,xvda,no-discard", CHAOS_ENOTSUP,
          "no-discard: not supported: a guest may discard what its disk can. "
          "Remove it" },
        { "/a,,xvda,untrusted", CHAOS_ENOTSUP,
          "untrusted: not supported: a guest of chaos cannot be told so. "
          "Remove it" },
        { "/a,,xvda,colo", CHAOS_ENOTSUP,
          "colo: not supported: chaos has no COLO. Remove it" },
        { "/a,,xvda,discard=1", CHAOS_EINVAL,
          "discard=1: takes no value: write discard alone" },
        { "/a,,xvda,acess=r", CHAOS_EINVAL,
          "acess=r: unknown: did you mean access? If not, remove it" },
        { "/a=b,,xvda", CHAOS_EINVAL,
          "/a=b: unknown: remove it; chaos.cfg(5) lists those that exist" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_item_refused("disk", cases[i].item, cases[i].code,
                            cases[i].what);
}

/* ------------------------------------------------------------ directories */

static void test_p9_fields(void **state)
{
    struct chaos_config *config =
        parsed("p9=['tag=share,path=/srv/a b,security_model=none',\n"
               "    ' security_model=mapped-xattr, path=b,,tag=t,type=qemu,"
               "backend=Domain-0']\n"
               "device_model_override='/my/qemu'");

    (void)state;
    assert_int_equal(config->p9_count, 2);
    assert_string_equal(config->p9s[0].tag, "share");
    assert_string_equal(config->p9s[0].path, "/srv/a b");
    assert_string_equal(config->p9s[0].security_model, "none");
    assert_string_equal(config->p9s[1].tag, "t");
    assert_string_equal(config->p9s[1].path, "b");
    assert_string_equal(config->p9s[1].security_model, "mapped-xattr");
    assert_string_equal(config->device_model, "/my/qemu");
    chaos_config_free(config);
}

static void test_p9_refused(void **state)
{
    static const struct {
        const char *item, *what;
        int code;
    } cases[] = {
        { "tag=", "tag=: not a tag: write 1 to 31 bytes", CHAOS_EINVAL },
        { "tag=12345678901234567890123456789012",
          "tag=12345678901234567890123456789012: not a tag: write 1 to 31 "
          "bytes",
          CHAOS_EINVAL },
        { "path=", "path=: empty: name a directory of dom0's", CHAOS_EINVAL },
        { "security_model=no",
          "security_model=no: no such security model: use none, passthrough, "
          "mapped-xattr or mapped-file",
          CHAOS_EINVAL },
        { "tag=a,path=/b", "no security_model: add security_model=...",
          CHAOS_EINVAL },
        { "tag=a,security_model=none", "no path: add path=...", CHAOS_EINVAL },
        { "path=/a,security_model=none", "no tag: add tag=...", CHAOS_EINVAL },
        { "type=xen_9pfsd",
          "type=xen_9pfsd: QEMU is the only back end: write type=qemu or "
          "remove it",
          CHAOS_ENOTSUP },
        { "backend=1", "backend=1: devices come from dom0 alone: remove it",
          CHAOS_ENOTSUP },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_item_refused("p9", cases[i].item, cases[i].code, cases[i].what);
    assert_refused("p9=['tag=a,path=/a,security_model=none',\n"
                   "'tag=a,path=/b,security_model=none']",
                   CHAOS_EINVAL,
                   "guest.cfg:2:1: p9=\"tag=a,path=/b,security_model=none\": "
                   "directory 0 has the same tag: change or remove one");
}

/* ------------------------------------------------------------- the lists */

static void test_lists(void **state)
{
    (void)state;
    assert_refused("vif='bridge=br0'", CHAOS_EINVAL,
                   "guest.cfg:1:5: vif=\"bridge=br0\": this key takes a list: "
                   "write vif=[\"...\"], with a string for each interface");
    assert_refused("disk=0", CHAOS_EINVAL,
                   "guest.cfg:1:6: disk=0: this key takes a list: write "
                   "disk=[\"...\"], with a string for each disk");
    assert_refused("vif=['',\n ['']]", CHAOS_EINVAL,
                   "guest.cfg:2:2: vif=[...]: a list within the list: write "
                   "one string for each interface");
    /* The position is the item's. */
    assert_refused("vif=['mac=00:16:3e:00:00:01', 'mtu=1500',\n"
                   "     'mac=00:16:3E:00:00:01']",
                   CHAOS_EINVAL,
                   "guest.cfg:2:6: vif=\"mac=00:16:3E:00:00:01\": interface 0 "
                   "has the same MAC address: change or remove one");
    assert_refused("vif=['','vifname=a','vifname=a']", CHAOS_EINVAL,
                   "guest.cfg:1:21: vif=\"vifname=a\": interface 1 has the "
                   "same vifname: change or remove one");
    assert_refused("disk=['/a,,xvda']\ndisk+=['/b,,d0p0']", CHAOS_EINVAL,
                   "guest.cfg:2:8: disk=\"/b,,d0p0\": disk 0 is xvda already: "
                   "choose another vdev");
    assert_refused("vif=['mac=\\n']", CHAOS_EINVAL,
                   "guest.cfg:1:6: vif=\"mac=?\": control character 0x0a: "
                   "remove it");
    assert_refused("vif=[1]", CHAOS_EINVAL,
                   "guest.cfg:1:6: vif=1: 1: unknown: remove it; chaos.cfg(5) "
                   "lists those that exist");
}

/* key=[...] with `count` items that %u makes different. */
static int parse_many(const char *key, const char *item, unsigned count,
                      struct chaos_error *err)
{
    struct chaos_config *config = NULL;
    char text[1024];
    size_t length;
    int rc;

    length = (size_t)snprintf(text, sizeof(text), "%s=[", key);
    for (unsigned i = 0; i < count; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length,
                                   "'%s%u',", item, i + 1);
    snprintf(text + length, sizeof(text) - length, "]");
    rc = chaos_config_parse(chaos, text, "guest.cfg", &config, err);
    chaos_config_free(config);
    return rc;
}

static void test_bounds(void **state)
{
    struct chaos_error err = { 0 };

    (void)state;
    assert_int_equal(parse_many("vif", "bridge=br", CHAOS__VIFS_MAX, &err), 0);
    assert_int_equal(parse_many("vif", "bridge=br", CHAOS__VIFS_MAX + 1, &err),
                     CHAOS_EINVAL);
    assert_string_equal(err.message,
                        "guest.cfg:1:5: vif=[...]: longer than the 8 "
                        "interfaces that a guest can have: shorten it");
    assert_int_equal(parse_many("disk", "/a,,xvda", CHAOS__DISKS_MAX, &err), 0);
    assert_int_equal(parse_many("disk", "/a,,xvda", CHAOS__DISKS_MAX + 1, &err),
                     CHAOS_EINVAL);
    assert_string_equal(err.message,
                        "guest.cfg:1:6: disk=[...]: longer than the 16 disks "
                        "that a guest can have: shorten it");
}

/* A long parameter leaves room for what is wrong with it. */
static void test_long_parameters(void **state)
{
    struct chaos_config *config = NULL;
    struct chaos_error err = { 0 };
    char text[4096];

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text, "disk=['backendtype=", 19);
    memcpy(text + sizeof(text) - 3, "']", 3);
    assert_int_equal(
        chaos_config_parse(chaos, text, "guest.cfg", &config, &err),
        CHAOS_ENOTSUP);
    assert_non_null(strstr(err.message,
                           "xx...: dom0's kernel is the only back end: remove "
                           "it"));
}

static void assert_ids(const char *text, uint32_t first, uint32_t second,
                       uint32_t third)
{
    const uint32_t ids[] = { first, second, third };
    struct chaos_config *config = parsed(text), *again;
    char *formatted;

    assert_int_equal(config->vif_count, 3);
    assert_int_equal(chaos_config_format(config, &formatted, NULL), 0);
    again = parsed(formatted);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(config->vifs[i].id, ids[i]);
        assert_int_equal(again->vifs[i].id, ids[i]);
    }
    /* Numbers that go without saying are not said. */
    assert_int_equal(strstr(formatted, "devid=") != NULL,
                     first != 0 || second != 1 || third != 2);
    free(formatted);
    chaos_config_free(again);
    chaos_config_free(config);
}

static void test_vif_ids(void **state)
{
    struct chaos_config *config;
    struct chaos_error err;

    (void)state;
    assert_ids("vif=['','','']", 0, 1, 2);
    assert_ids("vif=['devid=0','devid=1','']", 0, 1, 2);
    assert_ids("vif=['','devid=4','']", 5, 4, 6);
    assert_ids("vif=['devid=65535','devid=2','devid=0']", 65535, 2, 0);
    assert_int_equal(chaos_config_parse(chaos, "vif=['devid=3','devid=3']", "f",
                                        &config, &err),
                     CHAOS_EINVAL);
    assert_non_null(strstr(err.message, "interface 0 has the same devid"));
    assert_int_equal(
        chaos_config_parse(chaos, "vif=['','devid=65535']", "f", &config, &err),
        CHAOS_EINVAL);
    assert_non_null(strstr(err.message, "no number is left"));
}

/* What stands in no file has no place in one. */
static void test_of_device(void **state)
{
    struct chaos_config *config;
    struct chaos_error err;

    (void)state;
    assert_int_equal(chaos__config_of_device(chaos, "vif", "mtu=1400,devid=7",
                                             &config, &err),
                     0);
    assert_int_equal(config->vif_count, 1);
    assert_int_equal(config->vifs->mtu, 1400);
    assert_int_equal(config->vifs->id, 7);
    chaos_config_free(config);
    assert_int_equal(chaos__config_of_device(chaos, "vif", "", &config, &err),
                     0);
    assert_false(config->vifs->has_id);
    assert_string_equal(config->vifs->bridge, "xenbr0");
    chaos_config_free(config);
    assert_int_equal(
        chaos__config_of_device(chaos, "disk", "/a,raw,xvdb,r", &config, &err),
        0);
    assert_int_equal(config->disk_count, 1);
    assert_string_equal(config->disks->target, "/a");
    chaos_config_free(config);
    assert_int_equal(
        chaos__config_of_device(chaos, "vif", "mtu=1", &config, &err),
        CHAOS_EINVAL);
    assert_string_equal(err.message, "vif=\"mtu=1\": mtu=1: not a number from "
                                     "68 to 65517: write one of these");
    assert_int_equal(
        chaos__config_of_device(chaos, "disk", "/a,raw", &config, &err),
        CHAOS_EINVAL);
    assert_string_equal(err.message, "disk=\"/a,raw\": no virtual disk is "
                                     "named: add vdev=xvda");
}

static void test_additions(void **state)
{
    struct chaos_config *config =
        parsed("vif=['mtu=1000']; vif+=['mtu=1200','']\n"
               "disk+=['/a,,xvda']; disk+=['/b,,xvdb']");

    (void)state;
    assert_int_equal(config->vif_count, 3);
    assert_int_equal(config->vifs[0].mtu, 1000);
    assert_int_equal(config->vifs[1].mtu, 1200);
    assert_int_equal(config->disk_count, 2);
    assert_string_equal(config->disks[1].target, "/b");
    chaos_config_free(config);

    config = parsed("vif=['']; vif=[]; disk=['/a,,xvda']; disk=[]");
    assert_int_equal(config->vif_count, 0);
    assert_null(config->vifs);
    assert_int_equal(config->disk_count, 0);
    assert_null(config->disks);
    chaos_config_free(config);
}

static void test_overrides(void **state)
{
    struct chaos_config *config =
        parsed("vif=['mtu=1000','']; disk=['/a,,xvda','/b,,xvdb']");

    (void)state;
    assert_int_equal(
        chaos_config_set(chaos, config, "vif=[\"mtu=1200\"]", NULL), 0);
    assert_int_equal(config->vif_count, 1);
    assert_int_equal(config->vifs[0].mtu, 1200);
    assert_int_equal(chaos_config_set(chaos, config, "disk=['/c,,xvdc']", NULL),
                     0);
    assert_int_equal(config->disk_count, 1);
    assert_string_equal(config->disks[0].target, "/c");
    /* The second item is wrong, and nothing has changed. */
    assert_int_equal(
        chaos_config_set(chaos, config, "disk=['/d,,xvda','/e,,xvda']", NULL),
        CHAOS_EINVAL);
    assert_int_equal(
        chaos_config_set(chaos, config, "vif=['mtu=1300','mtu=1']", NULL),
        CHAOS_EINVAL);
    assert_int_equal(config->vif_count, 1);
    assert_int_equal(config->vifs[0].mtu, 1200);
    assert_int_equal(config->disk_count, 1);
    assert_string_equal(config->disks[0].target, "/c");
    assert_int_equal(chaos_config_set(chaos, config, "disk=[]", NULL), 0);
    assert_int_equal(chaos_config_set(chaos, config, "vif=[]", NULL), 0);
    assert_int_equal(config->vif_count, 0);
    assert_int_equal(config->disk_count, 0);
    chaos_config_free(config);
}

static void test_scripts(void **state)
{
    static const struct {
        const char *text, *vif, *disk;
    } cases[] = {
        { "vif=['']; disk=['/a,,xvda']", "", "" },
        { "vif=['script=vif-bridge']; disk=['/a,,xvda,script=block']", "", "" },
        { "vif=['script=/etc/xen/scripts/vif-bridge'];"
          "disk=['script=/etc/xen/scripts/block,/a,,xvda']",
          "", "" },
        { "vif=['script=vif-route']; disk=['x,,xvda,script=block-x']",
          "/etc/xen/scripts/vif-route", "/etc/xen/scripts/block-x" },
        { "vif=['script=/my/vif-bridge']; disk=['x,,xvda,script=/my/block']",
          "/my/vif-bridge", "/my/block" },
        { "vif=['script=my/vif']; disk=['iscsi:x,xvda,w']",
          "/etc/xen/scripts/my/vif", "/etc/xen/scripts/block-iscsi" },
        { "vif=['script=block']; disk=['tap:drbd:x y,xvda']",
          "/etc/xen/scripts/block", "/etc/xen/scripts/block-drbd" },
    };
    struct chaos_config *config = NULL;
    struct chaos_error err;
    char text[512];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        config = parsed(cases[i].text);
        assert_string_equal(config->vifs[0].script, cases[i].vif);
        assert_string_equal(config->disks[0].script, cases[i].disk);
        chaos_config_free(config);
    }
    /* The longest, and one byte more. */
    snprintf(text, sizeof(text), "vif=['script=/%0126d']", 1);
    config = parsed(text);
    assert_int_equal(strlen(config->vifs[0].script), 127);
    chaos_config_free(config);
    snprintf(text, sizeof(text), "vif=['script=/%0127d']", 1);
    assert_int_equal(
        chaos_config_parse(chaos, text, "guest.cfg", &config, &err),
        CHAOS_EINVAL);
    assert_non_null(strstr(err.message, "of more than 127 bytes: shorten it"));
    snprintf(text, sizeof(text), "disk=['/a,,xvda,script=%0111d']", 1);
    assert_int_equal(
        chaos_config_parse(chaos, text, "guest.cfg", &config, &err),
        CHAOS_EINVAL);
}

/* ------------------------------------------------------- the way back */

static void assert_same_devices(const struct chaos_config *a,
                                const struct chaos_config *b)
{
    assert_int_equal(a->vif_count, b->vif_count);
    for (unsigned i = 0; i < a->vif_count; i++)
        assert_memory_equal(&a->vifs[i], &b->vifs[i], sizeof(a->vifs[i]));
    assert_int_equal(a->disk_count, b->disk_count);
    for (unsigned i = 0; i < a->disk_count; i++) {
        assert_string_equal(a->disks[i].target, b->disks[i].target);
        assert_string_equal(a->disks[i].vdev, b->disks[i].vdev);
        assert_int_equal(a->disks[i].vdev_number, b->disks[i].vdev_number);
        assert_int_equal(a->disks[i].access, b->disks[i].access);
        assert_int_equal(a->disks[i].is_cdrom, b->disks[i].is_cdrom);
        assert_string_equal(a->disks[i].script, b->disks[i].script);
    }
}

/* Parses, writes, reads what was written; returns it. */
static char *rewritten(const char *text)
{
    struct chaos_config *config = parsed(text), *again;
    char *written = NULL;

    assert_int_equal(chaos_config_format(config, &written, NULL), 0);
    again = parsed(written);
    assert_same_devices(again, config);
    chaos_config_free(config);
    chaos_config_free(again);
    return written;
}

static void test_format(void **state)
{
    static const struct {
        const char *text;
        const char *line; /* that was written */
    } cases[] = {
        { "vif=['','mtu=68']",
          "vif=[\"bridge=xenbr0\", \"bridge=xenbr0,mtu=68\"]\n" },
        { "vif=['rate=10Mb/s,gw=10.0.0.1,ip=10.0.0.2/25,vifname=w,bridge=b,"
          "mac=00:16:3E:0a:0B:0c,mtu=1400']",
          "vif=[\"mac=00:16:3e:0a:0b:0c,bridge=b,vifname=w,ip=10.0.0.2/25,"
          "gw=10.0.0.1,mtu=1400,rate=10Mb/s@50000us\"]\n" },
        { "vif=['ip=10.0.0.2/24']",
          "vif=[\"bridge=xenbr0,ip=10.0.0.2/24\"]\n" },
        { "vif=['ip=10.0.0.2 ,mac=00:16:3e:0a:0b:0c ,bridge=b']",
          "vif=[\"mac=00:16:3e:0a:0b:0c,bridge=b,ip=10.0.0.2\"]\n" },
        { "vif=['bridge=o.1:2,script=/s,gatewaydev=eth0']",
          "vif=[\"bridge=o.1:2,gatewaydev=eth0,script=/s\"]\n" },
        { "vif=['bridge=a\"\\\\b']", "vif=[\"bridge=a\\\"\\\\b\"]\n" },
        { "disk=['/a,,xvda','cdrom,/b,,hdc','/c,,sda1,w!']",
          "disk=[\"format=raw,vdev=xvda,access=w,target=/a\", "
          "\"format=raw,vdev=hdc,access=r,devtype=cdrom,target=/b\", "
          "\"format=raw,vdev=sda1,access=w!,target=/c\"]\n" },
        { "vif=['script=a\"b']",
          "vif=[\"bridge=xenbr0,script=/etc/xen/scripts/a\\\"b\"]\n" },
        { "disk=['nbd:x,xvda']",
          "disk=[\"format=raw,vdev=xvda,access=w,"
          "script=/etc/xen/scripts/block-nbd,target=x\"]\n" },
        { "disk=['vdev=xvda,target= /a \"b\"\\\\,c=d:,,']",
          "disk=[\"format=raw,vdev=xvda,access=w,target= /a \\\"b\\\"\\\\,"
          "c=d:,,\"]\n" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *written = rewritten(cases[i].text);

        if (!strstr(written, cases[i].line))
            fail_msg("%s:\n%s", cases[i].text, written);
        free(written);
    }
}

/* The longest that there can be. */
static void test_format_longest(void **state)
{
    char *written = rewritten(
        "vif=['mac=00:16:3e:00:00:01,bridge=fifteen-letters,"
        "vifname=letters-fifteen,ip=223.223.223.223/23,gw=223.223.222.222,"
        "mtu=1500,rate=4294967295B/s@4294967295us,script=/"
        "234567890123456789012345678901234567890123456789012345678901234567890"
        "123456789012345678901234567890123456789012345678901234567']\n"
        "disk=['/a,,d1048575p255']");

    (void)state;
    assert_non_null(
        strstr(written, "rate=4294967295B/s@4294967295us,script=/"));
    free(written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vif_defaults),
        cmocka_unit_test_setup(test_vif_all, clear_log),
        cmocka_unit_test_setup(test_vif_ignored, clear_log),
        cmocka_unit_test(test_vif_refused),
        cmocka_unit_test(test_vif_addresses),
        cmocka_unit_test(test_vif_ids),
        cmocka_unit_test(test_of_device),
        cmocka_unit_test(test_vif_addresses_for_scripts),
        cmocka_unit_test(test_rates),
        cmocka_unit_test_setup(test_disk_fields, clear_log),
        cmocka_unit_test_setup(test_disk_ignored, clear_log),
        cmocka_unit_test(test_vdevs),
        cmocka_unit_test(test_disk_refused),
        cmocka_unit_test(test_p9_fields),
        cmocka_unit_test(test_p9_refused),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_long_parameters),
        cmocka_unit_test(test_additions),
        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_format_longest),
    };

    return cmocka_run_group_tests_name("config_devices", tests, setup,
                                       teardown);
}
