#include "shared/rpc/queue.h"

#include <stdlib.h>

#define QUEUE_CAPACITY_MIN 8

void rpc_queue_clear(struct rpc_queue *queue)
{
    grpc_slice message;
    while (rpc_queue_pop(queue, &message))
        grpc_slice_unref(message);
}

void rpc_queue_done(struct rpc_queue *queue)
{
    rpc_queue_clear(queue);
    free(queue->ring);
    *queue = (struct rpc_queue){0};
}

static bool queue_grow(struct rpc_queue *queue)
{
    size_t capacity = queue->capacity ? queue->capacity * 2 : QUEUE_CAPACITY_MIN;
    grpc_slice *ring = calloc(capacity, sizeof(*ring));
    if (!ring)
        return false;
    for (size_t i = 0; i < queue->count; i++)
        ring[i] = queue->ring[(queue->head + i) & (queue->capacity - 1)];
    free(queue->ring);
    queue->ring = ring;
    queue->capacity = capacity;
    queue->head = 0;
    return true;
}

bool rpc_queue_push(struct rpc_queue *queue, grpc_slice message)
{
    if (queue->count == queue->capacity && !queue_grow(queue)) {
        grpc_slice_unref(message);
        return false;
    }
    queue->ring[(queue->head + queue->count) & (queue->capacity - 1)] = message;
    queue->count++;
    queue->cost_bytes += rpc_message_cost(&message);
    return true;
}

bool rpc_queue_pop(struct rpc_queue *queue, grpc_slice *ret_message)
{
    if (queue->count == 0)
        return false;
    *ret_message = queue->ring[queue->head];
    queue->head = (queue->head + 1) & (queue->capacity - 1);
    queue->count--;
    queue->cost_bytes -= rpc_message_cost(ret_message);
    return true;
}
