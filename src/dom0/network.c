/* SPDX-License-Identifier: MIT */
#include "dom0.h"

#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

static int fail_bridge(const char *bridge, struct chaos_error *err)
{
    if (if_nametoindex(bridge) == 0)
        return chaos__fail(err, CHAOS_EINVAL,
                           "bridge=%s: no such interface; make it (ip link "
                           "add %s type bridge) or name another",
                           bridge, bridge);
    return chaos__fail(err, CHAOS_EINVAL,
                       "bridge=%s: this interface is not a bridge", bridge);
}

int chaos__dom0_bridge(const char *bridge, uint32_t *mtu_r,
                       struct chaos_error *err)
{
    struct ifreq request = { 0 };
    char path[64 + IFNAMSIZ];
    int fd, rc = 0;

    snprintf(path, sizeof(path), "/sys/class/net/%s/bridge", bridge);
    if (access(path, F_OK) < 0)
        return fail_bridge(bridge, err);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return chaos__fail_errno(err, errno, "bridge=%s", bridge);
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", bridge);
    if (ioctl(fd, SIOCGIFMTU, &request) < 0)
        rc =
            chaos__fail_errno(err, errno, "bridge=%s: reading its MTU", bridge);
    else
        *mtu_r = (uint32_t)request.ifr_mtu;
    close(fd);
    return rc;
}

bool chaos__dom0_has_interface(const char *interface)
{
    return if_nametoindex(interface) != 0;
}

bool chaos__dom0_is_joined(const char *interface, const char *bridge)
{
    char path[64 + IFNAMSIZ], target[128];
    const char *name;
    ssize_t length;

    snprintf(path, sizeof(path), "/sys/class/net/%s/master", interface);
    length = readlink(path, target, sizeof(target) - 1);
    if (length < 0)
        return false;
    target[length] = '\0';
    name = strrchr(target, '/');
    return strcmp(name ? name + 1 : target, bridge) == 0;
}

/* A request to change a link (rtnetlink(7)), with room for attributes. */
struct link_request {
    struct nlmsghdr header;
    struct ifinfomsg link;
    uint8_t attributes[128];
};

static void start_request(struct link_request *request, unsigned index)
{
    *request = (struct link_request){
        .header = { .nlmsg_len = NLMSG_LENGTH(sizeof(request->link)),
                    .nlmsg_type = RTM_NEWLINK,
                    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
        .link = { .ifi_family = AF_UNSPEC,
                  .ifi_index = (int)index,
                  .ifi_flags = IFF_UP,
                  .ifi_change = IFF_UP },
    };
}

/* There is room: see struct link_request. */
static void add_attribute(struct link_request *request, unsigned short type,
                          const void *value, size_t size)
{
    struct rtattr *attribute =
        (struct rtattr *)((uint8_t *)request +
                          NLMSG_ALIGN(request->header.nlmsg_len));

    attribute->rta_type = type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(size);
    memcpy(RTA_DATA(attribute), value, size);
    request->header.nlmsg_len =
        NLMSG_ALIGN(request->header.nlmsg_len) + RTA_LENGTH(size);
}

/* Sends a request and takes its answer: 0, or -1 with errno. */
static int ask(const struct link_request *request)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr result;
        uint8_t rest[256]; /* the request, and what the kernel adds */
    } answer = { 0 };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    ssize_t got = -1;

    if (fd < 0)
        return -1;
    if (send(fd, request, request->header.nlmsg_len, 0) >= 0)
        got = recv(fd, &answer, sizeof(answer), 0);
    if (got >= 0 && (got < (ssize_t)offsetof(typeof(answer), rest) ||
                     answer.header.nlmsg_type != NLMSG_ERROR))
        answer.result.error = -EPROTO;
    else if (got < 0)
        answer.result.error = -errno;
    close(fd);
    errno = -answer.result.error;
    return errno ? -1 : 0;
}

int chaos__dom0_join(const char *interface, const char *new_name,
                     const char *bridge, uint32_t mtu, struct chaos_error *err)
{
    unsigned index = if_nametoindex(interface);
    unsigned bridge_index = if_nametoindex(bridge);
    struct link_request request;

    if (index == 0)
        return chaos__fail(err, CHAOS_EFAILED,
                           "joining bridge %s: there is no interface %s",
                           bridge, interface);
    if (bridge_index == 0)
        return fail_bridge(bridge, err);
    /* The kernel renames before it raises, in one request too. */
    start_request(&request, index);
    add_attribute(&request, IFLA_MTU, &mtu, sizeof(mtu));
    add_attribute(&request, IFLA_MASTER, &bridge_index, sizeof(bridge_index));
    if (*new_name)
        add_attribute(&request, IFLA_IFNAME, new_name, strlen(new_name) + 1);
    if (ask(&request) == 0)
        return 0;
    if (errno == EEXIST && *new_name)
        return chaos__fail(err, CHAOS_EEXIST,
                           "vifname=%s: there is an interface of this name; "
                           "choose another",
                           new_name);
    return chaos__fail_errno(err, errno, "putting %s on bridge %s", interface,
                             bridge);
}
