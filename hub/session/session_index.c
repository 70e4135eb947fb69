#include "hub/session/session_index.h"

#include <stdlib.h>

#include "hub/session/session.h"
#include "shared/base/siphash.h"
#include "shared/crypto/crypto.h"

static struct list *buckets_new(void)
{
    struct list *buckets = malloc(SESSION_INDEX_BUCKETS * sizeof(*buckets));

    for (size_t i = 0; buckets && i < SESSION_INDEX_BUCKETS; i++)
        list_init(&buckets[i]);
    return buckets;
}

enum status session_index_init(struct session_index *index)
{
    *index = (struct session_index){buckets_new(), buckets_new(), {0}};
    crypto_random((unsigned char *)index->seed, sizeof(index->seed));
    return index->users && index->handles ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED;
}

void session_index_done(struct session_index *index)
{
    for (size_t i = 0; index->users && index->handles && i < SESSION_INDEX_BUCKETS; i++) {
        while (list_pop(&index->users[i]) || list_pop(&index->handles[i]))
            ; /* whoever is held still leaves no index when it goes */
    }
    free(index->users);
    free(index->handles);
    *index = (struct session_index){0};
}

static struct list *bucket_of(struct session_index *index, struct list *buckets, struct slice key)
{
    return &buckets[siphash(index->seed, key) & (SESSION_INDEX_BUCKETS - 1)];
}

void session_index_add(struct session_index *index, struct session *session)
{
    list_append(bucket_of(index, index->users, session->user_id), &session->by_user);
    list_append(bucket_of(index, index->handles, slice_str(session->handle.text)),
                &session->by_handle);
}

void session_index_remove(struct session *session)
{
    list_remove(&session->by_user);
    list_remove(&session->by_handle);
}

void session_index_of_user(struct session_index *index, struct slice user,
                           void (*visit)(struct session *session, void *arg), void *arg)
{
    LIST_FOR_EACH (node, bucket_of(index, index->users, user)) {
        struct session *session = LIST_ENTRY(node, struct session, by_user);
        if (slice_equal(session->user_id, user))
            visit(session, arg);
    }
}

void session_index_of_handle(struct session_index *index, struct slice handle,
                             void (*visit)(struct session *session, void *arg), void *arg)
{
    LIST_FOR_EACH (node, bucket_of(index, index->handles, handle)) {
        struct session *session = LIST_ENTRY(node, struct session, by_handle);
        if (slice_equal_str(handle, session->handle.text))
            visit(session, arg);
    }
}
