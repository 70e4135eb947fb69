/* jwt_json: how deep a JSON text nests, before a recursive parser sees it.
 *
 * jansson (inside libjwt, too) recurses to a depth of 2048, which a fiber's stack does not have.
 * Private to shared/jwt.
 */
#ifndef PEK_SHARED_JWT_JWT_JSON_H
#define PEK_SHARED_JWT_JWT_JSON_H

#include <stdbool.h>

#include "shared/base/slice.h"

#define JWT_JSON_DEPTH_MAX 4 /* claims 1, "cnf" 2; JWKS 1, "keys" 2, a key 3, its "x5c" 4 */

/* True when brackets outside of strings never nest deeper than JWT_JSON_DEPTH_MAX. Says nothing else of
 * the text: the parser judges that. */
static inline bool jwt_json_is_shallow(struct slice json)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < json.len; i++) {
        char c = json.ptr[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '[') && ++depth > JWT_JSON_DEPTH_MAX)
            return false;
        else if (!quoted && (c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return true;
}

#endif
