#include "hub/pekctl/arguments.h"

#include <string.h>

#include "shared/base/slice.h"

/* The option's place, by its name. */
static const char **value_of(struct arguments *arguments, struct slice name)
{
    const struct {
        const char *name;
        const char **place;
    } options[] = {
        {"database", &arguments->database},
        {"config", &arguments->config},
        {"name", &arguments->name},
        {"tls-name", &arguments->tls_name},
        {"ca", &arguments->ca},
        {"realm", &arguments->realm},
        {"realm-database", &arguments->realm_database},
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (slice_equal_str(name, options[i].name))
            return options[i].place;
    }
    return NULL;
}

static bool *flag_of(struct arguments *arguments, struct slice name)
{
    const struct {
        const char *name;
        bool *place;
    } flags[] = {
        {"replace", &arguments->replace}, {"all", &arguments->all},
        {"apply", &arguments->apply},     {"json", &arguments->json},
        {"help", &arguments->help},       {"version", &arguments->version},
    };

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (slice_equal_str(name, flags[i].name))
            return flags[i].place;
    }
    return NULL;
}

/* One that begins with "--"; `next` is the argument after it, NULL for none. True in `ret_took` when it was used. */
static enum status parse_option(struct arguments *arguments, const char *text, const char *next,
                                bool *ret_took, struct fault *fault)
{
    struct slice rest = slice_str(text + 2);
    bool has_value = memchr(rest.ptr, '=', rest.len) != NULL;
    struct slice name = slice_cut(&rest, '=');
    const char **value = value_of(arguments, name);
    bool *flag = flag_of(arguments, name);

    *ret_took = false;
    if (flag && !has_value) {
        *flag = true;
        return STATUS_OK;
    }
    if (!value)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL, "there is no option %s", text);
    if (!has_value && !next)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL, "%s takes a value", text);
    *value = has_value ? rest.ptr : next;
    *ret_took = !has_value;
    return STATUS_OK;
}

enum status arguments_parse(int argc, char *const *argv, struct arguments *ret_arguments,
                            struct fault *fault)
{
    struct arguments arguments = {0};
    bool options = true, took;

    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && strcmp(argv[i], "-h") == 0) {
            arguments.help = true;
        } else if (options && argv[i][0] == '-' && argv[i][1] == '-') {
            enum status status =
                parse_option(&arguments, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &took, fault);
            if (status)
                return status;
            i += took;
        } else if (arguments.word_count == WORDS_MAX) {
            return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL, "'%s' is one word too many",
                             argv[i]);
        } else {
            arguments.words[arguments.word_count++] = argv[i];
        }
    }
    *ret_arguments = arguments;
    return STATUS_OK;
}
