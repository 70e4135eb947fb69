#include "hub/pekctl/arguments.h"

#include <string.h>

#include "shared/base/slice.h"

const char arguments_help[] =
    "usage: pekctl [--config FILE | --database CONNINFO] [--json] COMMAND\n"
    "\n"
    "Which realms the federation has, and who administers the hub. Speaks to the hub's database; "
    "every hub follows it\n"
    "within a second.\n"
    "\n"
    "  pekctl instance add REALM TARGET [--name NAME] [--ca FILE] [--tls-name NAME] [--replace]\n"
    "                  a worker, or its replicas, at TARGET (host:port, dns:///host:port, "
    "ipv4:a:1,b:1, …)\n"
    "  pekctl instance list [--all]     what is registered, and how it is: with --config each "
    "worker "
    "is asked as\n"
    "                  the hubs ask it; with --all also what was removed\n"
    "  pekctl instance drain REALM      ask nothing new of it; what runs is finished\n"
    "  pekctl instance undrain REALM    ask it again\n"
    "  pekctl instance remove REALM     take it out of the federation; its data is not touched. "
    "One "
    "that a hub\n"
    "                  hosts (local_realm) comes back when that hub starts anew\n"
    "  pekctl user list                 who has an account at the hub\n"
    "  pekctl user admin USER           may change the registry through the API\n"
    "  pekctl user unadmin USER         may not any more\n"
    "  pekctl user merge FROM INTO [--apply]\n"
    "                  two accounts of one person: says what would be moved in the hub and in each "
    "realm;\n"
    "                  with --apply it is. A realm that is away gets it when it is back\n"
    "  pekctl user merges               how all merges stand, realm by realm\n"
    "  pekctl import FOLDER --realm REALM --realm-database CONNINFO [--apply]\n"
    "                  the CSV files of a pek-next database: users into the hub, all else into the "
    "realm. Says\n"
    "                  what would be made; with --apply it is. Again, it adds what is new\n"
    "\n"
    "What is in a realm its own operator looks after, with that realm's configuration:\n"
    "  pek-worker --config FILE verify                                whether it is sound\n"
    "  pek-worker --config FILE --before DATE [--confirm] prune-audit  thins its audit log\n"
    "\n"
    "  --config FILE        pek-hub's configuration, whose database_owner is taken; also "
    "PEK_CONFIG\n"
    "  --database CONNINFO  libpq keywords or URI, as the role that owns the tables; also "
    "PEK_DATABASE_OWNER\n"
    "  --ca FILE            PEM of who must have issued the worker's certificate; '' for the hubs' "
    "tls_ca\n"
    "  --tls-name NAME      what its certificate must name; '' for REALM\n"
    "  --realm-database CONNINFO\n"
    "                       the realm's, as the role that owns its tables; also "
    "PEK_REALM_DATABASE_OWNER\n"
    "  --replace            also when REALM is there already; what is not given stays as it was\n"
    "  --json               for programs\n"
    "  --version            say which version this is\n"
    "\n"
    "Ends with 0 when done, 1 when refused, 2 when the command line is wrong, 3 when the database "
    "cannot be reached.\n";

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
