/* SPDX-License-Identifier: MIT */
/* The table of commands as help, as bash completion and as a part of chaos(1).
 */
#include "cli.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static void print_commands(void)
{
    const struct cli_command *command;

    printf("usage: chaos COMMAND [OPTION]... [ARGUMENT]...\n\n"
           "Runs unikernels on Xen, fast.\n\n");
    for (command = cli_commands; command->name; command++)
        printf("  %-14s %s\n", command->name, command->summary);
    printf("\nchaos COMMAND --help shows a command's options; "
           "chaos(1) and chaos.cfg(5) tell the rest.\n");
}

static void print_words(const struct cli_command *command)
{
    const struct cli_option *option;

    printf("--help");
    for (option = command->options; option->help; option++) {
        if (option->letter)
            printf(" -%c", option->letter);
        if (option->name)
            printf(" --%s", option->name);
    }
}

static bool takes_guests(const struct cli_command *command)
{
    return strstr(command->arguments, "GUEST") != NULL;
}

/* Names of guests come from chaos list at the time of completion. */
static void print_bash(void)
{
    const struct cli_command *command;

    printf("# bash completion for chaos, made by `chaos help --bash`\n"
           "_chaos()\n{\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} words= guests=\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "        words='");
    for (command = cli_commands; command->name; command++)
        printf("%s%s", command == cli_commands ? "" : " ", command->name);
    printf("'\n    else\n        case ${COMP_WORDS[1]} in\n");
    for (command = cli_commands; command->name; command++) {
        printf("        %s) words='", command->name);
        print_words(command);
        printf("'%s ;;\n", takes_guests(command) ? " guests=yes" : "");
    }
    printf("        esac\n    fi\n"
           "    if [ -n \"$guests\" ] && [[ $word != -* ]]; then\n"
           "        words=$(chaos list 2>/dev/null |"
           " awk 'NR > 1 && $2 > 0 { print $1 }')\n"
           "    elif [ \"$COMP_CWORD\" -gt 1 ] && [[ $word != -* ]]; then\n"
           "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
           "        return\n"
           "    fi\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
           "}\n"
           "complete -o filenames -F _chaos chaos\n");
}

static void print_mdoc(void)
{
    const struct cli_command *command;
    const struct cli_option *option;

    for (command = cli_commands; command->name; command++) {
        printf(".It Cm %s%s%s%s\n", command->name,
               command->options[0].help ? " Oo Ar option Oc Ns ..." : "",
               *command->arguments ? " Ar " : "", command->arguments);
        printf("%c%s.\n", command->summary[0] - 'a' + 'A',
               command->summary + 1);
        if (!command->options[0].help)
            continue;
        printf(".Bl -tag -width Ds -compact\n");
        for (option = command->options; option->help; option++) {
            printf(".It ");
            if (option->letter)
                printf("Fl %c%s", option->letter, option->name ? " , " : "");
            if (option->name)
                printf("Fl Fl %s", option->name);
            if (option->argument)
                printf("%s Ar %s", *option->argument == '[' ? " Ns" : "",
                       option->argument);
            printf("\n%c%s.\n", option->help[0] - 'a' + 'A', option->help + 1);
        }
        printf(".El\n");
    }
}

int cli_help_command(struct cli *cli, int argc, char **argv)
{
    const struct cli_command *command;
    int option = cli_option(cli, argc, argv);

    if (option == CLI_LONG(0))
        print_bash();
    else if (option == CLI_LONG(1))
        print_mdoc();
    else if (option != -1)
        return cli_option_exit(option);
    else if (optind >= argc)
        print_commands();
    else {
        for (command = cli_commands; command->name; command++)
            if (strcmp(command->name, argv[optind]) == 0)
                break;
        if (!command->name)
            return cli_usage(cli, "no command %s", argv[optind]);
        cli_help(command);
    }
    return CLI_DONE;
}
