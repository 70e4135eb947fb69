/* Items as rows of CSV: for spreadsheets, so a cell is a text and not JSON. */
#include "shared/text/csv.h"
#include "hub/transcode/internal.h"

static const struct plan *plan_of(const struct transcode_method *method)
{
    return ((const struct method_entry *)method)->response_plan; /* its first member */
}

void transcode_csv_header(const struct transcode_method *method, struct buffer *out)
{
    const struct plan *plan = plan_of(method);

    for (size_t i = 0; i < plan->json_count; i++) {
        if (i > 0)
            buffer_append_char(out, ',');
        csv_append(out, slice_str(upb_FieldDef_JsonName(plan->json[i].field)));
    }
    buffer_append_str(out, "\r\n");
}

static struct slice without_quotes(struct slice json)
{
    bool quoted = json.len >= 2 && json.ptr[0] == '"';

    return quoted ? slice_make(json.ptr + 1, json.len - 2) : json;
}

/* Of all kinds but text JSON has no escapes between the quotes. */
static enum status append_value(const struct transcode_item *item, const upb_FieldDef *field,
                                struct buffer *out)
{
    struct buffer json;

    if (upb_FieldDef_HasPresence(field) && !upb_Message_Has(item->message, field))
        return STATUS_OK;
    buffer_init(&json, out->len_max);
    enum status status =
        json_append_field(item->transcode, item->entry->response_plan, field, item->message, &json);
    if (status == STATUS_OK)
        csv_append(out, without_quotes(buffer_slice(&json)));
    buffer_done(&json);
    return status;
}

enum status transcode_item_csv(const struct transcode_item *item, struct buffer *out)
{
    const struct plan *plan = item->entry->response_plan;

    for (size_t i = 0; i < plan->json_count; i++) {
        const struct json_field *field = &plan->json[i];
        if (i > 0)
            buffer_append_char(out, ',');
        if (field->kind == JSON_STRING && !field->is_repeated)
            csv_append(out, slice_of(upb_Message_Get(item->message, field->field).str_val));
        else
            PEK_TRY(append_value(item, field->field, out));
    }
    buffer_append_str(out, "\r\n");
    return out->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}
