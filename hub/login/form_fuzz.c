/* Forms and tickets of browsers. The first byte chooses: 'f', a form; 't', a ticket of another key; anything else, the fields of
 * one of ours. A value that is found is found again when it is written; a ticket says what was sealed, to whom it was made for. */
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/login/form.h"
#include "hub/login/ticket.h"
#include "shared/base/utf8.h"

#define INPUT_BYTES_MAX 4096
#define VALUE_BYTES_MAX 256

static const struct slice key = {"the hub's key", 13};

static void try_form(struct slice form, struct arena *arena)
{
    struct slice value, again;
    struct buffer out;
    if (form_find(form, "a", VALUE_BYTES_MAX, arena, &value) != STATUS_OK || !value.ptr)
        return;
    must(value.len <= VALUE_BYTES_MAX && utf8_valid(value) && !memchr(value.ptr, '\0', value.len));
    buffer_init(&out, 4 * INPUT_BYTES_MAX);
    form_append(&out, "b", value);
    form_append(&out, "a", value);
    must(!out.failed);
    must(form_find(buffer_slice(&out), "a", VALUE_BYTES_MAX, arena, &again) == STATUS_OK);
    must(slice_equal(value, again));
    buffer_done(&out);
}

static void try_fields(struct slice rest, struct arena *arena)
{
    struct slice fields[TICKET_FIELDS_MAX], again[TICKET_FIELDS_MAX], ticket;
    size_t count = 0;
    while (count < TICKET_FIELDS_MAX && rest.len > 0)
        fields[count++] = slice_cut(&rest, '\n');
    if (ticket_seal(key, "kind", 10, fields, count, arena, &ticket) != STATUS_OK)
        return;
    must(ticket.len <= TICKET_BYTES_MAX);
    must(ticket_open(key, "kind", ticket, 9, arena, again, count) == STATUS_OK);
    for (size_t i = 0; i < count; i++)
        must(slice_equal(fields[i], again[i]));
    must(ticket_open(key, "kind", ticket, 10, arena, again, count) == STATUS_DEADLINE_EXCEEDED);
    must(ticket_open(key, "another", ticket, 9, arena, again, count) == STATUS_INVALID_ARGUMENT);
    must(ticket_open(SLICE_LIT("x"), "kind", ticket, 9, arena, again, count) ==
         STATUS_INVALID_ARGUMENT);
    for (size_t other = 0; other <= TICKET_FIELDS_MAX; other++)
        must(other == count ||
             ticket_open(key, "kind", ticket, 9, arena, again, other) == STATUS_INVALID_ARGUMENT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice fields[2];
    struct arena arena;
    if (size == 0 || size > INPUT_BYTES_MAX)
        return 0;
    struct slice input = slice_make(data + 1, size - 1);
    arena_init(&arena, 1u << 20);
    if (data[0] == 'f')
        try_form(input, &arena);
    else if (data[0] == 't')
        must(ticket_open(key, "kind", input, 0, &arena, fields, 2) == STATUS_INVALID_ARGUMENT);
    else
        try_fields(input, &arena);
    arena_done(&arena);
    return 0;
}
