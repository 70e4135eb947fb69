#include "shared/base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
    int value;
    struct list node;
};

static void order_is_kept(void **state)
{
    (void)state;
    struct list head;
    struct item items[3] = {0};
    list_init(&head);
    assert_null(list_first(&head));
    assert_null(list_pop(&head));
    list_append(&head, &items[0].node);
    list_append(&head, &items[1].node);
    list_prepend(&head, &items[2].node);
    for (int want = 0; want < 3; want++)
        assert_ptr_equal(list_pop(&head), &items[(want + 2) % 3].node);
    assert_true(list_empty(&head));
}

static void removing_twice_is_harmless(void **state)
{
    (void)state;
    struct list head;
    struct item item = {.value = 1};
    list_init(&head);
    list_append(&head, &item.node);
    list_remove(&item.node);
    list_remove(&item.node);
    assert_true(list_empty(&head));
}

static void a_loop_may_remove_what_it_stands_on(void **state)
{
    (void)state;
    struct list head;
    struct item items[4] = {{.value = 1}, {.value = 2}, {.value = 3}, {.value = 4}};
    list_init(&head);
    for (int i = 0; i < 4; i++)
        list_append(&head, &items[i].node);
    int sum = 0;
    LIST_FOR_EACH (it, &head) {
        struct item *item = LIST_ENTRY(it, struct item, node);
        sum += item->value;
        if (item->value % 2 == 0)
            list_remove(it);
    }
    assert_int_equal(sum, 10);
    assert_ptr_equal(list_first(&head), &items[0].node);
    assert_ptr_equal(head.prev, &items[2].node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_kept),
        cmocka_unit_test(removing_twice_is_harmless),
        cmocka_unit_test(a_loop_may_remove_what_it_stands_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
