/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* As in xl, the start of a name will do if it is of one alone. */
static const struct cli_command *find_command(const char *name)
{
    const struct cli_command *command, *found = NULL;
    unsigned count = 0;

    if (strcmp(name, "network-list") == 0)
        name = "vif-list"; /* xl's name */
    for (command = cli_commands; command->name; command++) {
        if (strcmp(command->name, name) == 0)
            return command;
        if (strncmp(command->name, name, strlen(name)) != 0)
            continue;
        found = command;
        count++;
    }
    return count == 1 ? found : NULL;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "help";
    static struct cli cli;
    int status;

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    cli.command = find_command(name);
    if (!cli.command) {
        fprintf(stderr, "chaos: no command %s; chaos help lists them\n", name);
        return CLI_USAGE;
    }
    status = cli.command->run(&cli, argc > 1 ? argc - 1 : 1,
                              argc > 1 ? argv + 1 : argv);
    if (cli.leave_child)
        cli_leave_child(&cli);
    /* The kernel closes all in half the time, when the process ends.  But who
     * asked for details is told what Xen's libraries say at the end. */
    if (cli.verbose)
        chaos_close(cli.chaos);
    if (fflush(stdout) != 0 && status == CLI_DONE) {
        perror("chaos: writing the output");
        status = CLI_FAILED;
    }
    /* Without destructors: libuv has one, and it was not even used.  No asking
     * for help is a mistake. */
    _exit(argc > 1 ? status : CLI_USAGE);
}
