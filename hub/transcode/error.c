#include <ctype.h>
#include <stdio.h>

#include "hub/transcode/internal.h"
#include "shared/json/json_writer.h"

struct slice path_lower_camel(struct slice path, char out[FAULT_FIELD_BYTES_MAX])
{
    size_t len = 0;
    for (size_t i = 0; i < path.len && len + 1 < FAULT_FIELD_BYTES_MAX; i++) {
        if (path.ptr[i] == '_' && i > 0 && i + 1 < path.len &&
            islower((unsigned char)path.ptr[i + 1])) {
            i++;
            out[len++] = (char)toupper((unsigned char)path.ptr[i]);
        } else {
            out[len++] = path.ptr[i];
        }
    }
    return slice_make(out, len);
}

static void write_retry(struct json_writer *json, const struct fault *fault)
{
    char delay[32]; /* a Duration of proto3 JSON */

    if (fault->retry_after_ms <= 0)
        return;
    snprintf(delay, sizeof(delay), "%lld.%03llds", (long long)(fault->retry_after_ms / 1000),
             (long long)(fault->retry_after_ms % 1000));
    json_object(json);
    json_key(json, "@type");
    json_str(json, "type.googleapis.com/google.rpc.RetryInfo");
    json_key(json, "retryDelay");
    json_str(json, delay);
    json_object_end(json);
}

static void write_details(struct json_writer *json, const struct fault *fault)
{
    char field[FAULT_FIELD_BYTES_MAX];
    json_array(json);
    json_object(json);
    json_key(json, "@type");
    json_str(json, "type.googleapis.com/google.rpc.ErrorInfo");
    json_key(json, "reason");
    json_str(json, fault->reason[0] ? fault->reason : status_name(fault->status));
    json_key(json, "domain");
    json_str(json, TRANSCODE_ERROR_DOMAIN);
    json_key(json, "metadata");
    json_object(json);
    if (fault->field[0]) {
        json_key(json, "field");
        json_slice(json, path_lower_camel(slice_str(fault->field), field));
    }
    json_object_end(json);
    json_object_end(json);
    write_retry(json, fault);
    json_array_end(json);
}

void transcode_error_json(const struct fault *fault, int http_code, bool problem,
                          struct buffer *out)
{
    struct json_writer json;
    json_writer_init(&json, out);
    int code = http_code ? http_code : status_http(fault->status);
    json_object(&json);
    if (problem) { /* RFC 9457 */
        json_key(&json, "type");
        json_str(&json, "about:blank");
        json_key(&json, "title");
        json_str(&json, status_name(fault->status));
        json_key(&json, "status");
        json_int(&json, code);
        json_key(&json, "detail");
        json_str(&json, fault->text);
        json_key(&json, "details");
        write_details(&json, fault);
    } else {
        json_key(&json, "error");
        json_object(&json);
        json_key(&json, "code");
        json_int(&json, code);
        json_key(&json, "status");
        json_str(&json, status_name(fault->status));
        json_key(&json, "message");
        json_str(&json, fault->text);
        json_key(&json, "details");
        write_details(&json, fault);
        json_object_end(&json);
    }
    json_object_end(&json);
}
