#include "bazel/generator/check.h"

static const char *const verbs[] = {"get", "put", "post", "delete", "patch"};

static bool verb_known(const char *verb)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verb, verbs[i]) == 0)
            return true;
    }
    return false;
}

static void check_variable(const struct check *check, const char *template, struct slice path)
{
    const upb_MessageDef *request = upb_MethodDef_InputType(check->method);
    const upb_FieldDef *field = check_field(request, path);
    if (field == NULL)
        check_refuse(check, "http path \"%s\" names field \"%.*s\", which %s does not have",
                     template, SLICE_ARG(path), upb_MessageDef_FullName(request));
    else if (upb_FieldDef_IsSubMessage(field) || upb_FieldDef_IsRepeated(field))
        check_refuse(check, "http path \"%s\" names field \"%.*s\", which has not one plain value",
                     template, SLICE_ARG(path));
}

/* Each "{path}" or "{path=pattern}" of a template. */
static void check_template(const struct check *check, const char *template)
{
    if (template[0] != '/')
        check_refuse(check, "http path \"%s\" does not begin with \"/\"", template);
    struct slice rest = slice_str(template);
    for (;;) {
        struct slice literal = slice_cut(&rest, '{');
        if (memchr(literal.ptr, '}', literal.len) != NULL) {
            check_refuse(check, "http path \"%s\" has a \"}\" too many", template);
            return;
        }
        if (rest.len == 0)
            return;
        const char *end = memchr(rest.ptr, '}', rest.len);
        if (end == NULL) {
            check_refuse(check, "http path \"%s\" has a \"{\" too many", template);
            return;
        }
        struct slice variable = slice_make(rest.ptr, (size_t)(end - rest.ptr));
        rest = slice_make(end + 1, rest.len - variable.len - 1);
        check_variable(check, template, slice_cut(&variable, '='));
    }
}

static void check_body(const struct check *check, const struct option_http *http)
{
    const upb_MessageDef *request = upb_MethodDef_InputType(check->method);
    if (http->body[0] == '\0' || strcmp(http->body, "*") == 0)
        return;
    if (upb_MessageDef_FindFieldByName(request, http->body) == NULL)
        check_refuse(check, "http body names field \"%s\", which %s does not have", http->body,
                     upb_MessageDef_FullName(request));
}

void check_http(const struct check *check)
{
    bool internal = strcmp(check->options->realms.name, "REALMS_INTERNAL") == 0;
    if (!internal && check->options->http_count == 0)
        check_refuse(check,
                     "no google.api.http; only a method with routing REALMS_INTERNAL may lack it");
    if (internal && check->options->http_count > 0)
        check_refuse(check, "google.api.http on a method with routing REALMS_INTERNAL");
    for (size_t i = 0; i < check->options->http_count; i++) {
        const struct option_http *http = &check->options->http[i];
        if (!verb_known(http->verb)) {
            check_refuse(check, "http verb is not get, put, post, delete or patch");
            continue;
        }
        if (strcmp(http->verb, "get") == 0 && http->body[0] != '\0')
            check_refuse(check, "http get has a body");
        check_template(check, http->path);
        check_body(check, http);
    }
}
