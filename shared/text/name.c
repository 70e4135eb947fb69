#include "shared/text/name.h"

#include "shared/text/text.h"

static enum status make(struct text_collator *collator, struct slice name, const char *field,
                        struct arena *arena, struct text_name *ret_name, struct fault *fault)
{
    struct text_name made = {.name = name};
    enum status status = text_unique_key(made.name, arena, &made.unique_key);
    if (status == STATUS_OK)
        status = text_fold(made.name, arena, &made.folded);
    if (status == STATUS_OK)
        status = text_sort_key(collator, made.name, arena, &made.sort_key);
    if (status != STATUS_OK)
        return fault_set(fault, status, field, "name cannot be ordered");
    if (made.unique_key.len > TEXT_NAME_KEY_BYTES_MAX ||
        made.sort_key.len > TEXT_NAME_KEY_BYTES_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "name is too long");
    *ret_name = made;
    return STATUS_OK;
}

enum status text_name_make(struct text_collator *collator, const char *name, const char *field,
                           struct arena *arena, struct text_name *ret_name, struct fault *fault)
{
    struct slice normalised;
    PEK_TRY(text_normalise_name(slice_str(name), field, arena, &normalised, fault));
    return make(collator, normalised, field, arena, ret_name, fault);
}

enum status text_name_make_again(struct text_collator *collator, const char *name,
                                 struct arena *arena, struct text_name *ret_name)
{
    return make(collator, slice_str(name), NULL, arena, ret_name, NULL);
}
