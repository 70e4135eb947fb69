/* arguments: the command line of pekctl, taken apart, and what --help says of it. */
#ifndef PEK_HUB_PEKCTL_ARGUMENTS_H
#define PEK_HUB_PEKCTL_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/fault.h"

#define WORDS_MAX 4 /* "instance add REALM TARGET" */

/* Texts are argv's; NULL for what was not given. */
struct arguments {
    const char *words[WORDS_MAX + 1]; /* what is no option */
    size_t word_count;
    const char *database, *config;
    const char *name, *tls_name, *ca;
    const char *realm, *realm_database;
    bool replace, all, apply, json, help, version;
};

extern const char arguments_help[];

/* Options may stand anywhere; after `--` none does. INVALID_ARGUMENT with a text for a person. */
PEK_MUST_CHECK enum status arguments_parse(int argc, char *const *argv,
                                           struct arguments *ret_arguments, struct fault *fault);

#endif
