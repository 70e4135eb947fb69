/* Lists of members of which names are wanted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "worker/membership/membership_store.h"
#include "worker/testing/member_world.h"

/* Direct, by groups below, and of one person: names alone, and then with what is not read for them. */
static void list_of_names_reads_and_gives_names(struct world *w)
{
    char display_name[] = "display_name", flairs[] = "flairs", history[] = "history";
    char *paths[] = {display_name, flairs, history};
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    membership_v1_list_members_request of_group = MEMBERSHIP_V1_LIST_MEMBERS_REQUEST_INIT;
    membership_v1_list_memberships_request of_user = MEMBERSHIP_V1_LIST_MEMBERSHIPS_REQUEST_INIT;
    membership_v1_set_member_flairs_request set = MEMBERSHIP_V1_SET_MEMBER_FLAIRS_REQUEST_INIT;
    membership_v1_membership *changed;
    char *words[] = {text("word")};
    ProtobufCMessage *items[8];
    size_t count;
    make_members(w);
    assert_int_equal(call(w, "ann", "AddMember", "o@a", "dan", "", NULL, NULL), STATUS_OK);
    set.group_id = text("o@a");
    set.user_id = text("dan");
    set.flairs = words;
    set.n_flairs = 1;
    assert_int_equal(WORLD_RPC(w, membership_v1, set_member_flairs, "ann", set, changed),
                     STATUS_OK);
    mask.paths = paths;
    of_group.read_mask = of_user.read_mask = &mask;
    of_user.user_id = text("dan");
    static const char *const groups[] = {"o@a", "o@o", NULL};
    world_sql(w, "UPDATE pek.realm_group SET has_transitive_membership = true WHERE id = 'o@o'");
    for (size_t i = 0; i < 3; i++) {
        const char *path = groups[i] ? MEMBERS("ListMembers") : MEMBERS("ListMemberships");
        const struct rpc_method *method = rpc_host_method(realm_host(w->a.realm), slice_str(path));
        of_group.group_id = text(groups[i] ? groups[i] : "");
        for (mask.n_paths = 0; mask.n_paths <= 3; mask.n_paths++) {
            assert_int_equal(world_stream(w, w->a.channel, method,
                                          groups[i] ? &of_group.base : &of_user.base,
                                          WORLD_AS(w, "ann"), items, &count),
                             STATUS_OK);
            assert_int_equal(count, 1);
            const membership_v1_membership *dan = (const void *)items[0];
            bool all = mask.n_paths == 0;
            assert_string_equal(dan->user_id, "dan");
            assert_string_equal(dan->group_id, groups[i] ? groups[i] : "o@a");
            assert_string_equal(dan->display_name, "dan");
            assert_true(dan->sort_key.len + dan->group_sort_key.len > 0);
            /* Of who is a member by a group below they are not told at all. */
            assert_int_equal(dan->n_flairs, i != 1 && (all || mask.n_paths > 1));
            assert_int_equal(dan->n_history > 0, !groups[i] && (all || mask.n_paths > 2));
            assert_int_equal(dan->status, all ? MEMBERSHIP_V1_MEMBER_STATUS_ACTIVE : 0);
            assert_int_equal(dan->create_time != NULL, all);
            assert_int_equal(dan->group_name[0] != '\0', all);
        }
    }
    assert_null(strstr(membership_store_list.brief.sql, "m.flairs"));
    assert_non_null(strstr(membership_store_list.whole.sql, "m.flairs"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(list_of_names_reads_and_gives_names),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
