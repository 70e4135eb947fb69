/* Whom a request is put to, of more realms than it may ask. */
#include "hub/session/choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/session/credential.h"

#define TEXT_BYTES 65536

struct scene {
    struct registry registry;
    struct session_cache cache;
    struct session session;
    struct instance *instances; /* by place */
    struct arena arena;
    char text[TEXT_BYTES];
};

/* Realms "r000", "r001", … */
static struct scene *open_scene(size_t count)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    scene->instances = calloc(count + 1, sizeof(*scene->instances));
    assert_non_null(scene->instances);
    scene->registry.count = count;
    for (size_t i = 0; i < count; i++) {
        struct instance *instance = &scene->instances[i];
        snprintf(instance->realm, sizeof(instance->realm), "r%03zu", i);
        instance->place = i;
        instance->slot = count - 1 - i; /* slots have an order of their own */
        instance->generation = i + 1;
        scene->registry.instances[i] = scene->registry.slots[instance->slot] = instance;
    }
    scene->cache.options.registry = &scene->registry;
    scene->session.cache = &scene->cache;
    arena_init(&scene->arena, 4u << 20);
    return scene;
}

static void close_scene(struct scene *scene)
{
    credentials_free(&scene->session);
    arena_done(&scene->arena);
    free(scene->instances);
    free(scene);
}

static void know(struct scene *scene, size_t place)
{
    credential_make(&scene->session, &scene->instances[place])->member = true;
}

/* It says whether it knows the user. */
static void say(struct scene *scene, size_t place, bool member)
{
    struct credential *credential = credential_make(&scene->session, &scene->instances[place]);
    credential->member = member;
    credential->asked = true;
}

static const char *list(struct scene *scene, struct instance *const *instances, size_t count)
{
    size_t len = 0;
    scene->text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(scene->text + len, TEXT_BYTES - len, "%s%s", i ? " " : "",
                                instances[i]->realm);
    return scene->text;
}

static struct choice choose(struct scene *scene, size_t realms, size_t name_bytes, bool all)
{
    const struct choice_limits limits = {realms, name_bytes, all};
    struct choice choice;
    assert_int_equal(session_choose(&scene->session, &limits, &scene->arena, &choice), STATUS_OK);
    return choice;
}

#define assert_asked(scene, choice, names)                                                         \
    assert_string_equal(list(scene, (choice).realms, (choice).count), names)
#define assert_rest(scene, choice, names)                                                          \
    assert_string_equal(list(scene, (choice).rest, (choice).rest_count), names)

static void all_realms_are_asked_until_they_say_that_they_do_not_know_the_user(void **state)
{
    (void)state;
    struct scene *scene = open_scene(5);
    assert_asked(scene, choose(scene, 64, SIZE_MAX, false), "r000 r001 r002 r003 r004");
    say(scene, 1, true);
    say(scene, 3, false);
    assert_asked(scene, choose(scene, 64, SIZE_MAX, false), "r000 r001 r002 r004");
    assert_asked(scene, choose(scene, 64, SIZE_MAX, true), "r000 r001 r002 r003 r004");
    assert_int_equal(choose(scene, 64, SIZE_MAX, true).rest_count, 0);
    close_scene(scene);
}

static void realms_that_know_the_user_have_room_first(void **state)
{
    (void)state;
    struct scene *scene = open_scene(1000);
    know(scene, 999);
    know(scene, 500);
    struct choice choice = choose(scene, 4, SIZE_MAX, false);
    assert_asked(scene, choice, "r000 r001 r500 r999");
    assert_int_equal(choice.rest_count, 0);
    close_scene(scene);
}

/* Else a session would ask all in the end, and hold what each said. */
static void realm_that_does_not_know_the_user_keeps_its_place(void **state)
{
    (void)state;
    struct scene *scene = open_scene(1000);
    know(scene, 500);
    say(scene, 0, false);
    say(scene, 1, false);
    assert_asked(scene, choose(scene, 4, SIZE_MAX, false), "r002 r500");
    say(scene, 2, false);
    assert_asked(scene, choose(scene, 4, SIZE_MAX, false), "r500");
    close_scene(scene);
}

static void realm_that_says_something_of_the_user_is_asked_before_others(void **state)
{
    (void)state;
    static const char *const users[] = {"alice"};
    struct scene *scene = open_scene(1000);
    assert_int_equal(session_index_init(&scene->cache.index), STATUS_OK);
    scene->session.user_id = SLICE_LIT("alice");
    list_init(&scene->session.by_user);
    list_init(&scene->session.by_handle);
    session_index_add(&scene->cache.index, &scene->session);
    assert_asked(scene, choose(scene, 3, SIZE_MAX, false), "r000 r001 r002");
    session_policies_changed(&scene->cache, &scene->instances[700], users, 1);
    assert_asked(scene, choose(scene, 3, SIZE_MAX, false), "r000 r001 r700");
    say(scene, 700, true);
    assert_asked(scene, choose(scene, 3, SIZE_MAX, false), "r000 r001 r700");
    session_index_remove(&scene->session);
    session_index_done(&scene->cache.index);
    close_scene(scene);
}

static void realms_of_the_user_without_room_are_named(void **state)
{
    (void)state;
    struct scene *scene = open_scene(1000);
    for (size_t place = 10; place < 80; place += 10)
        know(scene, place);
    struct choice choice = choose(scene, 5, SIZE_MAX, false);
    assert_asked(scene, choice, "r010 r020 r030 r040 r050");
    assert_rest(scene, choice, "r060 r070");
    choice = choose(scene, 64, 4 * 4, false); /* by what their names take */
    assert_asked(scene, choice, "r010 r020 r030 r040");
    assert_rest(scene, choice, "r050 r060 r070");

    struct slice *names;
    size_t count;
    assert_int_equal(
        session_members_from(&scene->session, SLICE_LIT("r050"), &scene->arena, &names, &count),
        STATUS_OK);
    assert_int_equal(count, 3);
    assert_true(slice_equal_str(names[0], "r050") && slice_equal_str(names[2], "r070"));
    close_scene(scene);
}

static void of_everything_all_that_are_not_asked_are_named(void **state)
{
    (void)state;
    struct scene *scene = open_scene(70);
    know(scene, 69);
    say(scene, 0, false);
    struct choice choice = choose(scene, 63, SIZE_MAX, true);
    assert_int_equal(choice.count, 63);
    assert_int_equal(choice.rest_count, 7);
    assert_rest(scene, choice, "r062 r063 r064 r065 r066 r067 r068");
    close_scene(scene);
}

static void realm_that_left_is_not_chosen(void **state)
{
    (void)state;
    struct scene *scene = open_scene(3);
    know(scene, 1);
    /* Its slot is another's now. */
    scene->instances[1].generation = 77;
    assert_asked(scene, choose(scene, 64, SIZE_MAX, false), "r000 r001 r002");
    assert_int_equal(choose(scene, 0, SIZE_MAX, false).rest_count, 0);
    close_scene(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_realms_are_asked_until_they_say_that_they_do_not_know_the_user),
        cmocka_unit_test(realms_that_know_the_user_have_room_first),
        cmocka_unit_test(realm_that_does_not_know_the_user_keeps_its_place),
        cmocka_unit_test(realm_that_says_something_of_the_user_is_asked_before_others),
        cmocka_unit_test(realms_of_the_user_without_room_are_named),
        cmocka_unit_test(of_everything_all_that_are_not_asked_are_named),
        cmocka_unit_test(realm_that_left_is_not_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
