#include "hub/profile/testing/profile_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hub/session/session_service.h"
#include "protos/descriptor_set.h"

void profile_world_open(struct profile_world *p, struct hub_world *h)
{
    const struct rpc_host_options options = {.interceptor = session_interceptor(&h->one.cache)};
    *p = (struct profile_world){.budget = {RETRY_BUDGET_BURST}};
    assert_int_equal(transcode_new(slice_make(pek_descriptor_set, pek_descriptor_set_len),
                                   &p->transcode, &h->fault),
                     STATUS_OK);
    p->service = (struct profile_service){
        .service = hub_service(h->pg),
        .transcode = p->transcode,
        .budget = &p->budget,
        .realms_wait_ms = 5000,
    };
    assert_int_equal(text_collator_new(&p->service.collator), STATUS_OK);
    assert_int_equal(rpc_host_new(h->w->run->fibers, &options, &p->host), STATUS_OK);
    assert_int_equal(session_service_add(p->host, &h->one.cache, &h->fault), STATUS_OK);
    assert_int_equal(profile_service_add(p->host, &p->service, &h->fault), STATUS_OK);
    assert_int_equal(rpc_channel_new_local(p->host, &p->channel), STATUS_OK);
}

void profile_world_close(struct profile_world *p)
{
    rpc_channel_free(p->channel);
    rpc_host_free(p->host);
    transcode_free(p->transcode);
    text_collator_free(p->service.collator);
}
