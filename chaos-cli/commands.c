/* SPDX-License-Identifier: MIT */
/* The one table of commands. */
#include "cli.h"

/* Of a command's own length: what is looked at when any command starts should
 * be on few pages. */
#define OPTIONS(...)                                                           \
    (const struct cli_option[])                                                \
    {                                                                          \
        __VA_ARGS__,                                                           \
        {                                                                      \
            0                                                                  \
        }                                                                      \
    }
#define NO_OPTIONS ((const struct cli_option[]){ { 0 } })

#define JSON                                                                   \
    {                                                                          \
        0, "json", NULL, "print JSON instead of a table"                       \
    }

/* Of sched-credit and sched-credit2. */
#define SHARE                                                                  \
    { 'd', "domain", "GUEST", "of this guest alone" },                         \
        { 'w', "weight", "N", "give it this weight, 1 to 65535" },             \
        { 'c', "cap", "N", "give it no more than N percent of a CPU" },        \
    {                                                                          \
        's', "schedparam", NULL, "the scheduler's settings alone"              \
    }

const struct cli_command cli_commands[] = {
    { "create", "CONFIG [KEY=VALUE]...", "create a guest and start it",
      cli_create,
      OPTIONS(
          { 'p', "paused", NULL, "leave the guest paused" },
          { 'c', "console", NULL, "show its console until it ends" },
          { 'w', "wait", NULL, "wait until it says that it is up" },
          { 't', "timeout", "SECONDS", "wait no longer than this (60)" },
          { 'n', "dry-run", NULL, "check the configuration, create nothing" },
          { 0, "cold", NULL, "take no shell" },
          { 0, "no-refill", NULL, "leave a pool that has become low as it is" },
          { 0, "registry", "noxs|xenstore", "how it finds its devices" },
          { 0, "timing", "[=json]", "tell how long each phase took" },
          { 'q', "quiet", NULL, "print neither the domid nor warnings" },
          { 'v', "verbose", NULL, "say what is done; twice: in detail" },
          { 'f', "defconfig", "FILE", "xl's way to name the configuration" },
          { 0, "dryrun", NULL, "xl's name of --dry-run" }) },
    { "pool", "fill|set|list|drain [FLAVOR]", "keep shells ready for guests",
      cli_pool,
      OPTIONS({ 'n', "number", "N", "fill: until so many are ready" },
              { 's', "size", "N", "set: so many there shall be" },
              { 'l', "low", "N", "set: below so many it is filled again" },
              JSON) },
    { "destroy", "GUEST...", "end guests at once", cli_destroy, NO_OPTIONS },
    { "shutdown", "GUEST...", "ask guests to power off", cli_shutdown,
      OPTIONS(
          { 'a', "all", NULL, "all guests that chaos made" },
          { 'w', "wait", NULL, "wait until they have" },
          { 't', "timeout", "SECONDS", "wait no longer than this (60)" },
          { 0, "now", NULL, "power off at once, without an orderly end" }) },
    { "reboot", "GUEST...", "ask guests to reboot", cli_reboot,
      OPTIONS({ 'a', "all", NULL, "all guests that chaos made" },
              { 'w', "wait", NULL, "wait until they have ended" },
              { 't', "timeout", "SECONDS", "wait no longer than this (60)" }) },
    { "pause", "GUEST...", "stop guests' vCPUs", cli_pause, NO_OPTIONS },
    { "unpause", "GUEST...", "let paused guests go on", cli_unpause,
      NO_OPTIONS },
    { "list", "[GUEST]...", "list domains", cli_list,
      OPTIONS(JSON, { 'a', "all", NULL, "shells too" },
              { 'v', "verbose", NULL, "UUIDs, and whether chaos made them" }) },
    { "info", "GUEST", "show all that is known of a guest", cli_info,
      OPTIONS(JSON) },
    { "vif-list", "GUEST...", "list guests' network interfaces", cli_vif_list,
      NO_OPTIONS },
    { "block-list", "GUEST...", "list guests' disks", cli_block_list,
      NO_OPTIONS },
    { "network-attach", "GUEST [KEY=VALUE]...",
      "give a running guest a network interface", cli_network_attach,
      NO_OPTIONS },
    { "network-detach", "GUEST DEVID|MAC",
      "take a network interface from a running guest", cli_network_detach,
      NO_OPTIONS },
    { "block-attach", "GUEST DISK...", "give a running guest a disk",
      cli_block_attach, NO_OPTIONS },
    { "block-detach", "GUEST VDEV", "take a disk from a running guest",
      cli_block_detach,
      OPTIONS(
          { 'f', "force", NULL, "whether or not the guest lets go of it" }) },
    { "console", "GUEST", "attach to a guest's console; Ctrl-] leaves",
      cli_console_command, NO_OPTIONS },
    { "domid", "NAME", "print the domid of a name", cli_domid, NO_OPTIONS },
    { "domname", "DOMID", "print the name of a domid", cli_domname,
      NO_OPTIONS },
    { "rename", "GUEST NAME", "give a guest another name", cli_rename,
      NO_OPTIONS },
    { "wait", "GUEST...", "wait until guests have ended", cli_wait,
      OPTIONS({ 't', "timeout", "SECONDS", "wait no longer than this" }) },
    { "mem-set", "GUEST MEM", "ask a guest to have this much memory",
      cli_mem_set, NO_OPTIONS },
    { "mem-max", "GUEST MEM", "limit the memory that a guest can have",
      cli_mem_max, NO_OPTIONS },
    { "vcpu-list", "[GUEST]...", "list domains' vCPUs", cli_vcpu_list,
      NO_OPTIONS },
    { "vcpu-pin", "GUEST VCPU|all CPUS [CPUS]",
      "say where vCPUs may run, and where best", cli_vcpu_pin, NO_OPTIONS },
    { "vcpu-set", "GUEST N", "ask a guest to have N vCPUs online", cli_vcpu_set,
      OPTIONS(
          { 'i', "ignore-host", NULL, "even more than the host has CPUs" }) },
    { "sched-credit", "", "show or set weights of the scheduler credit",
      cli_sched_credit, OPTIONS(SHARE) },
    { "sched-credit2", "", "show or set weights of the scheduler credit2",
      cli_sched_credit2, OPTIONS(SHARE) },
    { "supervise", "", "see to guests that end, and to pools, as a service",
      cli_supervise, NO_OPTIONS },
    { "recover", "", "make the registry anew from Xen", cli_recover,
      NO_OPTIONS },
    { "dmesg", "", "print Xen's log", cli_dmesg,
      OPTIONS({ 'c', "clear", NULL, "and empty it" }) },
    { "version", "", "print the versions of chaos and Xen", cli_version,
      NO_OPTIONS },
    { "help", "[COMMAND]", "show this list, or a command's options",
      cli_help_command,
      OPTIONS({ 0, "bash", NULL, "print a completion script for bash" },
              { 0, "mdoc", NULL, "print the commands for the man page" }) },
    { 0 },
};
