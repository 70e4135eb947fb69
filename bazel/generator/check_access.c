#include "bazel/generator/check.h"

/* A path may pass through a oneof only when it has one field: the accessor would read another member of the
 * union otherwise. */
static bool in_wide_oneof(const upb_MessageDef *message, struct slice path)
{
    while (path.len > 0) {
        struct slice name = slice_cut(&path, '.');
        const upb_FieldDef *field =
            upb_MessageDef_FindFieldByNameWithSize(message, name.ptr, name.len);
        const upb_OneofDef *oneof = upb_FieldDef_RealContainingOneof(field);
        if (oneof != NULL && upb_OneofDef_FieldCount(oneof) > 1)
            return true;
        message = upb_FieldDef_MessageSubDef(field);
    }
    return false;
}

static void check_target(const struct check *check, const char *path)
{
    const upb_MessageDef *request = upb_MethodDef_InputType(check->method);
    const upb_FieldDef *field = check_field(request, slice_str(path));
    if (field == NULL)
        check_refuse(check, "pek.access names field \"%s\", which %s does not have", path,
                     upb_MessageDef_FullName(request));
    else if (upb_FieldDef_Type(field) != kUpb_FieldType_String || upb_FieldDef_IsRepeated(field))
        check_refuse(check, "pek.access names field \"%s\", which is not a string", path);
    else if (in_wide_oneof(request, slice_str(path)))
        check_refuse(check, "pek.access names field \"%s\", which is one of several in a oneof",
                     path);
}

/* What is asked of a policy. */
static void check_right(const struct check *check, const struct option_access *rule)
{
    bool policy = rule->policy[0] != '\0';
    bool right = rule->right.number != 0;
    if (policy && !right)
        check_refuse(check, "pek.access names a policy but no right on it");
    if (right && !policy && !rule->filter)
        check_refuse(check, "pek.access has a right but neither policy nor filter");
    if (right && policy && rule->filter)
        check_refuse(check, "pek.access has both filter and a policy; write two rules");
    if (policy)
        check_target(check, rule->policy);
}

static void check_self(const struct check *check, const struct option_access *rule)
{
    bool object = rule->group[0] != '\0';
    if (rule->self[0] == '\0')
        return;
    bool some = rule->action.number != 0 || rule->right.number != 0;
    if (!some || (rule->filter && rule->right.number != 0) || object)
        check_refuse(check,
                     "pek.access self stands only beside a policy, an action on a user or the "
                     "realm, or a filter by an action");
    check_target(check, rule->self);
}

static void check_rule(const struct check *check, const struct option_access *rule)
{
    bool group = rule->group[0] != '\0';
    bool user = rule->user[0] != '\0';
    bool action = rule->action.number != 0;
    bool right = rule->right.number != 0;
    int kinds =
        (rule->public ? 1 : 0) + (rule->authenticated ? 1 : 0) + (action ? 1 : 0) + (right ? 1 : 0);
    if (kinds != 1)
        check_refuse(check,
                     "pek.access must have exactly one of public, authenticated, action and right");
    if (rule->public && check->options->access_count > 1)
        check_refuse(check, "pek.access public cannot stand beside another rule");
    if (!action && (group || user || (rule->filter && !right) || rule->realm_action.number != 0))
        check_refuse(check, "pek.access has a target or filter but no action");
    if (group && user)
        check_refuse(check, "pek.access names both a group and a user; write two rules");
    if (rule->filter && (group || user))
        check_refuse(check, "pek.access has both filter and a target; write two rules");
    if (rule->realm_action.number != 0 && !group && !user)
        check_refuse(check, "pek.access has realm_action but names no field that could be empty");
    if (group)
        check_target(check, rule->group);
    if (user)
        check_target(check, rule->user);
    check_right(check, rule);
    check_self(check, rule);
}

void check_access(const struct check *check)
{
    if (check->options->access_count == 0)
        check_refuse(check, "no pek.access");
    for (size_t i = 0; i < check->options->access_count; i++)
        check_rule(check, &check->options->access[i]);
}
