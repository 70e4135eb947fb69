/* The handlers of GroupService that change something; group_service.c lists them. */
#ifndef PEK_WORKER_GROUP_GROUP_HANDLERS_H
#define PEK_WORKER_GROUP_GROUP_HANDLERS_H

#include "pek/group/v1/group.rpc.h"

enum status group_handle_create(struct rpc_ctx *ctx, const group_v1_create_group_request *req,
                                group_v1_group *res);
enum status group_handle_update(struct rpc_ctx *ctx, const group_v1_update_group_request *req,
                                group_v1_group *res);
enum status group_handle_configure(struct rpc_ctx *ctx, const group_v1_configure_group_request *req,
                                   group_v1_group *res);
enum status group_handle_archive(struct rpc_ctx *ctx, const group_v1_archive_group_request *req,
                                 group_v1_group *res);
enum status group_handle_unarchive(struct rpc_ctx *ctx, const group_v1_unarchive_group_request *req,
                                   group_v1_group *res);
enum status group_handle_move(struct rpc_ctx *ctx, const group_v1_move_group_request *req,
                              group_v1_group *res);

#endif
