/* What a session remembers of a realm is never taken for another's that got its slot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/session/credential.h"

static struct session *session_of_slots(void)
{
    struct session *session = calloc(1, sizeof(*session));
    assert_non_null(session);
    return session;
}

static void session_free(struct session *session)
{
    credentials_free(session);
    free(session);
}

static void give_token(struct credential *credential)
{
    credential->state = CREDENTIAL_READY;
    credential->member = credential->asked = true;
    credential->memory = credential->pairs = calloc(1, sizeof(struct rpc_pair));
    assert_non_null(credential->pairs);
    credential->pairs[0] =
        (struct rpc_pair){SLICE_LIT("authorization"), SLICE_LIT("Bearer of the old realm")};
    credential->pair_count = 1;
}

static void token_of_a_removed_realm_is_not_the_next_ones_in_its_slot(void **state)
{
    (void)state;
    struct session *session = session_of_slots();
    const struct instance old = {.slot = 3, .generation = 7, .realm = "old"};
    const struct instance new = {.slot = 3, .generation = 8, .realm = "new"};
    give_token(credential_make(session, &old));
    assert_int_equal(session_credential(session, &old)->pair_count, 1);
    assert_true(session_credential(session, &old)->member);

    assert_false(session_credential(session, &new)->member);
    assert_false(session_credential(session, &new)->asked);
    const struct credential *credential = session_credential(session, &new);
    assert_int_equal(credential->state, CREDENTIAL_NONE);
    assert_int_equal(credential->pair_count, 0);
    assert_null(credential->memory);
    assert_false(session_credential(session, &old)->member);
    session_free(session);
}

static void realms_in_other_slots_are_not_touched(void **state)
{
    (void)state;
    struct session *session = session_of_slots();
    const struct instance one = {.slot = 0, .generation = 1}, two = {.slot = 1, .generation = 2};
    const struct instance next = {.slot = 1, .generation = 3};
    give_token(credential_make(session, &one));
    give_token(credential_make(session, &two));
    (void)session_credential(session, &next);
    assert_int_equal(session_credential(session, &one)->pair_count, 1);
    assert_true(session_credential(session, &one)->member);
    session_free(session);
}

static void realm_that_said_it_does_not_know_the_user_is_asked_anew_when_it_comes_back(void **state)
{
    (void)state;
    struct session *session = session_of_slots();
    const struct instance before = {.slot = 0, .generation = 1},
                          after = {.slot = 0, .generation = 2};
    credential_make(session, &before)->asked = true;
    assert_true(session_credential(session, &before)->asked);
    assert_false(session_credential(session, &after)->asked);
    session_free(session);
}

static void memory_is_taken_when_a_realm_is_first_needed(void **state)
{
    (void)state;
    struct session *session = session_of_slots();
    const struct instance one = {.slot = 5, .generation = 1};
    assert_int_equal(session_credential(session, &one)->state, CREDENTIAL_NONE);
    assert_false(session_credential(session, &one)->asked);
    assert_null(session->credentials);
    assert_true(sizeof(*session) < 512);
    for (size_t slot = 100; slot > 0; slot--) {
        const struct instance many = {.slot = slot * 9, .generation = slot};
        credential_make(session, &many)->asked = true;
    }
    assert_int_equal(session->credential_count, 100);
    for (size_t slot = 1; slot <= 100; slot++) {
        const struct instance many = {.slot = slot * 9, .generation = slot};
        assert_true(session_credential(session, &many)->asked);
    }
    session_free(session);
}

/* However many sessions there are, and however often it says so: nothing is walked. */
static void change_of_everybodys_policies_is_seen_when_next_looked_at(void **state)
{
    (void)state;
    struct session *session = session_of_slots();
    struct instance one = {.slot = 0, .generation = 1}, two = {.slot = 1, .generation = 2};
    struct session_cache cache = {0};
    give_token(credential_make(session, &one));
    give_token(credential_make(session, &two));
    for (int i = 0; i < 1000000; i++)
        session_policies_changed(&cache, &one, NULL, 0);
    assert_int_equal(session_credential(session, &one)->state, CREDENTIAL_NONE);
    assert_int_equal(session_credential(session, &one)->pair_count, 0);
    assert_true(session_credential(session, &one)->member);
    assert_int_equal(session_credential(session, &two)->state, CREDENTIAL_READY);
    session_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_of_a_removed_realm_is_not_the_next_ones_in_its_slot),
        cmocka_unit_test(memory_is_taken_when_a_realm_is_first_needed),
        cmocka_unit_test(change_of_everybodys_policies_is_seen_when_next_looked_at),
        cmocka_unit_test(realms_in_other_slots_are_not_touched),
        cmocka_unit_test(
            realm_that_said_it_does_not_know_the_user_is_asked_anew_when_it_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
