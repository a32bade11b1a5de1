/* SPDX-License-Identifier: MIT */
/* vif=[...]: xl-network-configuration(5). */
#include "config/item.h"
#include "config/mac.h"
#include "config/rate.h"
#include "config/script.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define BRIDGE_DEFAULT "xenbr0"
#define PREFIX_DEFAULT 24

/* Linux: xenvif_alloc() in drivers/net/xen-netback/interface.c */
#define MTU_MIN 68
#define MTU_MAX 65517

struct parser {
    struct chaos__vif *vif;
    bool has_address;
    /* parameters that depend on others, once they were there */
    struct chaos__span bridge, bridge_name, gateway, gatewaydev;
};

/* xl takes blanks before a comma, too, where it reads no name. */
static struct chaos__span trim(struct chaos__span text)
{
    while (text.length > 0 && strchr(" \t", text.start[text.length - 1]))
        text.length--;
    return text;
}

bool chaos__mac_parse(struct chaos__span text, uint8_t mac[6])
{
    if (text.length != sizeof("00:16:3e:12:34:56") - 1)
        return false;
    for (size_t i = 0; i < 6; i++) {
        const char *digits = text.start + 3 * i;
        const int high = chaos__hex_digit(digits[0]),
                  low = chaos__hex_digit(digits[1]);

        if (high < 0 || low < 0 || (i < 5 && digits[2] != ':'))
            return false;
        mac[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static int set_mac(struct chaos__item *item, void *user)
{
    static const uint8_t none[6];
    struct parser *parser = user;
    uint8_t *mac = parser->vif->mac;

    if (!chaos__mac_parse(trim(item->value), mac))
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "not a MAC address: write it like "
                                "00:16:3e:12:34:56");
    if (memcmp(mac, none, sizeof(none)) == 0)
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "no interface can have this address: remove it "
                                "and one is made up");
    if (mac[0] & 1)
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "a multicast address, which no interface can "
                                "have: make the first byte even");
    parser->vif->has_mac = true;
    return 0;
}

/* What Linux takes for an interface's name: dev_valid_name() in
 * net/core/dev.c; a % would make it a pattern. */
static bool is_interface_name(struct chaos__span name)
{
    if (name.length == 0 || name.length >= CHAOS__INTERFACE_NAME_MAX ||
        chaos__span_is(name, ".") || chaos__span_is(name, ".."))
        return false;
    for (size_t i = 0; i < name.length; i++) {
        if (strchr("/:% \t", name.start[i]))
            return false;
    }
    return true;
}

static int set_interface_name(struct chaos__item *item,
                              char name[CHAOS__INTERFACE_NAME_MAX])
{
    if (!is_interface_name(item->value))
        return chaos__item_fail(
            item, CHAOS_EINVAL,
            "not a name for an interface: write 1 to %d bytes without blanks, "
            "/, : and %%",
            CHAOS__INTERFACE_NAME_MAX - 1);
    memcpy(name, item->value.start, item->value.length);
    name[item->value.length] = '\0';
    return 0;
}

static int set_bridge(struct chaos__item *item, void *user)
{
    struct parser *parser = user;

    parser->bridge = item->parameter;
    parser->bridge_name = item->value;
    if (is_interface_name(item->value))
        return set_interface_name(item, parser->vif->bridge);
    parser->vif->bridge[0] = '\0'; /* for now */
    return 0;
}

/* Of scripts some take more than a name, like BRIDGE.VLAN:TRUNKS. */
static int check_bridge(struct chaos__item *item, const struct parser *parser)
{
    struct chaos__vif *vif = parser->vif;

    if (*vif->bridge)
        return 0;
    item->parameter = parser->bridge;
    item->value = parser->bridge_name;
    if (!*vif->script || item->value.length == 0)
        return set_interface_name(item, vif->bridge);
    if (item->value.length >= CHAOS__INTERFACE_NAME_MAX)
        return chaos__item_fail(item, CHAOS_ENOTSUP,
                                "longer than %d bytes: shorten it",
                                CHAOS__INTERFACE_NAME_MAX - 1);
    memcpy(vif->bridge, item->value.start, item->value.length);
    vif->bridge[item->value.length] = '\0';
    return 0;
}

static int set_gatewaydev(struct chaos__item *item, void *user)
{
    struct parser *parser = user;

    parser->gatewaydev = item->parameter;
    return set_interface_name(item, parser->vif->gatewaydev);
}

static int check_gatewaydev(struct chaos__item *item,
                            const struct parser *parser)
{
    if (!parser->gatewaydev.start || *parser->vif->script)
        return 0;
    item->parameter = parser->gatewaydev;
    return chaos__item_fail(item, CHAOS_ENOTSUP,
                            "not supported: chaos knows bridges alone. Add "
                            "script=vif-route, or remove it and name one with "
                            "bridge=");
}

static int set_vifname(struct chaos__item *item, void *user)
{
    struct parser *parser = user;

    return set_interface_name(item, parser->vif->name);
}

/* Takes A.B.C.D off the front. */
static bool take_address(struct chaos__span *rest, uint8_t address[4])
{
    for (size_t i = 0; i < 4; i++) {
        uint64_t byte;

        if (i > 0 && !chaos__span_begins(*rest, "."))
            return false;
        chaos__span_skip(rest, i > 0);
        if (!chaos__span_take_number(rest, 255, &byte))
            return false;
        address[i] = (uint8_t)byte;
    }
    return true;
}

static uint32_t as_number(const uint8_t address[4])
{
    return (uint32_t)address[0] << 24 | (uint32_t)address[1] << 16 |
           (uint32_t)address[2] << 8 | address[3];
}

/* The bits of an address that tell hosts of a network apart. */
static uint32_t host_bits(unsigned prefix)
{
    return (uint32_t)((UINT64_C(1) << (32 - prefix)) - 1);
}

/* What is wrong with a host's address in its network, or NULL. */
static const char *why_no_host(const uint8_t address[4], unsigned prefix)
{
    const uint32_t bits = host_bits(prefix);

    if (address[0] == 0 || address[0] == 127 || address[0] >= 240)
        return "a reserved address: choose another";
    if (address[0] >= 224)
        return "a multicast address: choose another";
    /* A network of two or one has no address for itself: RFC 3021. */
    if (prefix > 30)
        return NULL;
    if ((as_number(address) & bits) == 0)
        return "the address of the network itself: choose one above it";
    if ((as_number(address) & bits) == bits)
        return "the broadcast address of its network: choose one below it";
    return NULL;
}

static bool take_prefix(struct chaos__span *rest, unsigned bits,
                        uint64_t *prefix_r)
{
    if (!chaos__span_begins(*rest, "/"))
        return true;
    chaos__span_skip(rest, 1);
    return chaos__span_take_number(rest, bits, prefix_r) && *prefix_r > 0;
}

static bool parse_ipv4(struct chaos__span text, uint8_t address[4],
                       uint64_t *prefix_r)
{
    *prefix_r = PREFIX_DEFAULT;
    return take_address(&text, address) && take_prefix(&text, 32, prefix_r) &&
           text.length == 0;
}

static bool is_ipv6(struct chaos__span text)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr parsed;
    uint64_t prefix;
    size_t length = 0;

    while (length < text.length && text.start[length] != '/')
        length++;
    if (length >= sizeof(address))
        return false;
    memcpy(address, text.start, length);
    address[length] = '\0';
    chaos__span_skip(&text, length);
    return inet_pton(AF_INET6, address, &parsed) == 1 &&
           take_prefix(&text, 128, &prefix) && text.length == 0;
}

/* Takes the next of several addresses off the front; an empty one at the end.
 */
static struct chaos__span take_word(struct chaos__span *rest)
{
    struct chaos__span word;

    while (rest->length > 0 && strchr(" \t", *rest->start))
        chaos__span_skip(rest, 1);
    word = *rest;
    for (word.length = 0;
         word.length < rest->length && !strchr(" \t", word.start[word.length]);)
        word.length++;
    chaos__span_skip(rest, word.length);
    return word;
}

/* For scripts and tools there may be several, networks among them; a guest is
 * told one. */
static int set_ip(struct chaos__item *item, void *user)
{
    struct parser *parser = user;
    struct chaos__vif *vif = parser->vif;
    struct chaos__span text = trim(item->value), rest = text, word;
    uint64_t prefix = PREFIX_DEFAULT;
    unsigned count = 0;
    uint8_t ipv4[4];

    vif->why_no_ipv4 = NULL;
    while ((word = take_word(&rest)).length > 0 || count == 0) {
        if (!parse_ipv4(word, ipv4, &prefix)) {
            if (!is_ipv6(word))
                return chaos__item_fail(item, CHAOS_EINVAL,
                                        "not an IP address: write it like "
                                        "10.0.0.2 or 10.0.0.2/24");
            vif->why_no_ipv4 = "an IPv6 address: write an IPv4 address";
        }
        if (++count > 1)
            vif->why_no_ipv4 = "several addresses: write one";
    }
    if (text.length >= sizeof(vif->ip))
        return chaos__item_fail(item, CHAOS_ENOTSUP,
                                "longer than %zu bytes: shorten it",
                                sizeof(vif->ip) - 1);
    memcpy(vif->ip, text.start, text.length);
    vif->ip[text.length] = '\0';
    if (!vif->why_no_ipv4)
        vif->why_no_ipv4 = why_no_host(ipv4, (unsigned)prefix);
    parser->has_address = true;
    if (vif->why_no_ipv4)
        return 0;
    memcpy(vif->ipv4, ipv4, sizeof(ipv4));
    vif->prefix = (uint8_t)prefix;
    return 0;
}

static int set_gateway(struct chaos__item *item, void *user)
{
    struct parser *parser = user;
    struct chaos__span rest = item->value;

    if (!take_address(&rest, parser->vif->gateway) || rest.length > 0)
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "not an IPv4 address: write it like 10.0.0.1");
    parser->gateway = item->parameter;
    return 0;
}

/* When the interface's own address is known, if there is one. */
static int check_gateway(struct chaos__item *item, const struct parser *parser)
{
    const struct chaos__vif *vif = parser->vif;
    const char *why;

    if (!parser->gateway.start)
        return 0;
    item->parameter = parser->gateway;
    if (!parser->has_address)
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "of no use without an address: add ip=...");
    if (vif->why_no_ipv4)
        return chaos__item_fail(item, CHAOS_EINVAL, "ip=%s: %s", vif->ip,
                                vif->why_no_ipv4);
    if ((as_number(vif->gateway) ^ as_number(vif->ipv4)) &
        ~host_bits(vif->prefix))
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "not in the guest's network: choose an address "
                                "there or change the prefix of ip");
    if (as_number(vif->gateway) == as_number(vif->ipv4))
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "the guest's own address: choose another");
    why = why_no_host(vif->gateway, vif->prefix);
    return why ? chaos__item_fail(item, CHAOS_EINVAL, "%s", why) : 0;
}

static int set_mtu(struct chaos__item *item, void *user)
{
    struct parser *parser = user;
    uint64_t mtu;

    if (!chaos__span_number(item->value, MTU_MAX, &mtu) || mtu < MTU_MIN)
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "not a number from %d to %d: write one of "
                                "these",
                                MTU_MIN, MTU_MAX);
    if (mtu > CHAOS__MTU_MAX)
        return chaos__item_fail(item, CHAOS_ENOTSUP,
                                "packets of more than %u bytes are not "
                                "supported: set that or less",
                                CHAOS__MTU_MAX);
    parser->vif->mtu = (uint32_t)mtu;
    return 0;
}

static int set_rate(struct chaos__item *item, void *user)
{
    struct parser *parser = user;
    const char *why;

    if (!chaos__rate_parse(item->value, &parser->vif->rate_bytes,
                           &parser->vif->rate_interval_us, &why))
        return chaos__item_fail(item, CHAOS_EINVAL, "%s", why);
    return 0;
}

static int set_type(struct chaos__item *item, void *user)
{
    (void)user;
    if (chaos__span_is(item->value, "vif"))
        return 0;
    if (chaos__span_is(item->value, "ioemu"))
        return chaos__item_fail(item, CHAOS_ENOTSUP,
                                "only HVM guests have emulated interfaces: "
                                "remove it");
    return chaos__item_fail(item, CHAOS_EINVAL, "no such type: remove it");
}

static int set_script(struct chaos__item *item, void *user)
{
    struct parser *parser = user;

    return chaos__script_parse(item, item->value, "vif-bridge",
                               parser->vif->script);
}

static int set_devid(struct chaos__item *item, void *user)
{
    struct parser *parser = user;
    uint64_t number;

    if (!chaos__span_number(item->value, CHAOS__VIF_ID_MAX, &number))
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "not a number from 0 to %u: write one of "
                                "these, or remove it",
                                CHAOS__VIF_ID_MAX);
    parser->vif->id = (uint32_t)number;
    parser->vif->has_id = true;
    return 0;
}

static int set_nothing(struct chaos__item *item, void *user)
{
    (void)item;
    (void)user;
    return 0;
}

#define WHY_COLO "chaos has no COLO. Remove it"

static const struct chaos__item_key keys[] = {
    { .name = "accel",
      .is_ignored = true,
      .why = "remove it. xl has no use for it either" },
    { .name = "backend", .set = chaos__item_set_backend },
    { .name = "bridge", .set = set_bridge },
    { .name = "devid", .set = set_devid },
    { .name = "forwarddev", .why = WHY_COLO },
    { .name = "gateway", .why = "write gw= instead" },
    { .name = "gatewaydev", .set = set_gatewaydev },
    { .name = "gw", .set = set_gateway },
    { .name = "ip", .set = set_ip },
    { .name = "mac", .set = set_mac },
    { .name = "model",
      .is_ignored = true,
      .why = "remove it. Only HVM guests have emulated interfaces" },
    { .name = "mtu", .set = set_mtu },
    { .name = "netdev", .set = set_gatewaydev },
    { .name = "rate", .set = set_rate },
    { .name = "script", .set = set_script },
    { .name = "trusted", .is_flag = true, .set = set_nothing },
    { .name = "type", .set = set_type },
    { .name = "untrusted",
      .is_flag = true,
      .why = "a guest of chaos cannot be told so. Remove it" },
    { .name = "vifname", .set = set_vifname },
};

#define KEYS_COUNT (sizeof(keys) / sizeof(keys[0]))
_Static_assert(KEYS_COUNT <= CHAOS__ITEM_KEYS_MAX, "a bit for each");

static int parse_parameter(struct chaos__item *item, struct parser *parser)
{
    const struct chaos__item_key *key;

    key = chaos__item_find(item, keys, KEYS_COUNT);
    if (key)
        return chaos__item_apply(item, keys, key, parser);
    if (chaos__span_begins(item->key, "colo_"))
        return chaos__item_fail(item, CHAOS_ENOTSUP,
                                "not supported: " WHY_COLO);
    return chaos__item_fail_unknown(item, keys, KEYS_COUNT);
}

/* Two interfaces cannot share an address, a name or a number. */
static int check_unique(struct chaos__item *item, const struct chaos__vif *vifs,
                        unsigned index)
{
    const struct chaos__vif *vif = &vifs[index];

    memset(&item->parameter, 0, sizeof(item->parameter));
    for (unsigned i = 0; i < index; i++) {
        if (vif->has_mac && vifs[i].has_mac &&
            memcmp(vif->mac, vifs[i].mac, sizeof(vif->mac)) == 0)
            return chaos__item_fail(item, CHAOS_EINVAL,
                                    "interface %u has the same MAC address: "
                                    "change or remove one",
                                    i);
        if (*vif->name && strcmp(vif->name, vifs[i].name) == 0)
            return chaos__item_fail(item, CHAOS_EINVAL,
                                    "interface %u has the same vifname: change "
                                    "or remove one",
                                    i);
        if (vif->has_id && vifs[i].has_id && vif->id == vifs[i].id)
            return chaos__item_fail(item, CHAOS_EINVAL,
                                    "interface %u has the same devid: change "
                                    "or remove one",
                                    i);
    }
    return 0;
}

static int parse_vif(const struct chaos__assignment *assignment,
                     const struct chaos__value *value, void *elements,
                     unsigned index)
{
    struct chaos__vif *vifs = elements;
    struct parser parser = { .vif = &vifs[index] };
    struct chaos__item item;
    int rc;

    memcpy(parser.vif->bridge, BRIDGE_DEFAULT, sizeof(BRIDGE_DEFAULT));
    parser.vif->prefix = PREFIX_DEFAULT;
    rc = chaos__item_begin(&item, assignment, value);
    while (rc == 0 && chaos__item_next(&item)) {
        /* As in xl, there may be nothing between two commas. */
        if (item.parameter.length > 0)
            rc = parse_parameter(&item, &parser);
    }
    if (rc == 0)
        rc = check_bridge(&item, &parser);
    if (rc == 0)
        rc = check_gatewaydev(&item, &parser);
    if (rc == 0)
        rc = check_gateway(&item, &parser);
    if (rc == 0)
        rc = check_unique(&item, vifs, index);
    return rc;
}

static void free_vifs(void *elements, unsigned count)
{
    (void)count;
    free(elements);
}

/* As xl does it: those without a number come behind all that have one.  False:
 * there is none left for them. */
static bool number_vifs(struct chaos__vif *vifs, unsigned count)
{
    uint32_t next = 0;

    for (unsigned i = 0; i < count; i++)
        if (vifs[i].has_id && vifs[i].id >= next)
            next = vifs[i].id + 1;
    for (unsigned i = 0; i < count; i++)
        if (!vifs[i].has_id)
            vifs[i].id = next++;
    return next <= CHAOS__VIF_ID_MAX + 1;
}

int chaos__set_vifs(const struct chaos__assignment *assignment)
{
    static const struct chaos__item_list list = {
        .device = "interface",
        .max = CHAOS__VIFS_MAX,
        .size = sizeof(struct chaos__vif),
        .parse = parse_vif,
        .free = free_vifs,
    };
    struct chaos_config *config = assignment->config;
    unsigned count;
    void *vifs;
    int rc;

    rc = chaos__item_list_parse(assignment, &list, &vifs, &count);
    if (rc < 0)
        return rc;
    if (!number_vifs(vifs, count)) {
        free(vifs);
        return chaos__assignment_fail(
            assignment, &assignment->setting->value.at, CHAOS_EINVAL,
            "no number is left behind the highest devid: give each interface "
            "one");
    }
    free(config->vifs);
    config->vifs = vifs;
    config->vif_count = count;
    return 0;
}
