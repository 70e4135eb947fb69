/* list: intrusive doubly linked ring. A node is in at most one list; the list owns nothing.
 *
 *     struct list calls; list_init(&calls); list_append(&calls, &call->node);
 *     struct call *first = LIST_ENTRY(list_first(&calls), struct call, node);
 */
#ifndef PEK_SHARED_BASE_LIST_H
#define PEK_SHARED_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

#define LIST_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))
/* The body may remove `it`. */
#define LIST_FOR_EACH(it, head)                                                                    \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                      \
         it = it##_next, it##_next = it->next)

static inline void list_init(struct list *list)
{
    list->next = list->prev = list;
}

static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

static inline void list_append(struct list *list, struct list *node)
{
    node->prev = list->prev;
    node->next = list;
    list->prev->next = node;
    list->prev = node;
}

static inline void list_prepend(struct list *list, struct list *node)
{
    list_append(list->next, node);
}

/* Leaves the node an empty list of its own, so that removing twice is harmless. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* NULL when empty. */
static inline struct list *list_first(struct list *list)
{
    return list_empty(list) ? NULL : list->next;
}

static inline struct list *list_pop(struct list *list)
{
    struct list *node = list_first(list);
    if (node)
        list_remove(node);
    return node;
}

#endif
